package loginkeychain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
)

// deskVariable tells a process of the tests which Mac to use.
const deskVariable = "KINRING_TEST_DESK"

// This test program plays /usr/bin/security when it is called by that name: the
// commands and exit codes that go-keyring relies on, over an emulated Mac.
func securityMain() {
	if filepath.Base(os.Args[0]) != "security" {
		return
	}
	m, err := desk.Dial(os.Getenv(deskVariable))
	if err == nil {
		err = security(m, os.Args[1:], os.Stdin, os.Stdout)
	}
	if s, ok := secitem.StatusOf(err); ok {
		fmt.Fprintln(os.Stderr, "security:", s)
		os.Exit(int(uint8(s)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "security:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

var errUsage = errors.New("usage")

func security(m secitem.Mac, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	item, flags := secitem.Query{Keychain: secitem.Login}, []string{}
	for i := 1; i < len(args); i++ {
		switch f := args[i]; {
		case f == "-s" && i+1 < len(args):
			i++
			item.Service = args[i]
		case f == "-a" && i+1 < len(args):
			i++
			item.Account = args[i]
		case f == "-w" && args[0] == "add-generic-password" && i+1 < len(args):
			i++
			item.Value = []byte(args[i])
		default:
			flags = append(flags, f)
		}
	}
	switch {
	case args[0] == "-i":
		return interactive(m, in, out)
	case args[0] == "find-generic-password" && slices.Equal(flags, []string{"-w"}):
		item.ReturnData = true
		found, err := m.CopyMatching(item.Dict())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", found[0].Data)
		return err
	case args[0] == "delete-generic-password":
		return m.Delete(item.Dict())
	case args[0] == "add-generic-password":
		err := m.Add(item.Dict())
		if errors.Is(err, secitem.ErrDuplicateItem) && slices.Contains(flags, "-U") {
			value := item.Value
			item.Value = nil
			return m.Update(item.Dict(), secitem.Change{Value: value}.Dict())
		}
		return err
	}
	return errUsage
}

// interactive runs one command a line. How they end is told on standard error
// alone.
func interactive(m secitem.Mac, in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, maxCommand)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				fmt.Fprintln(os.Stderr, "security: line too long")
			}
			return nil
		}
		if err := security(m, words(strings.TrimSuffix(string(line), "\n")), nil, out); err != nil {
			fmt.Fprintln(os.Stderr, "security:", err)
		}
	}
}

// words splits a line as security -i does: blanks separate, both quotes and the
// backslash keep what they always keep.
func words(line string) []string {
	var out []string
	var word strings.Builder
	var quote rune
	begun, escaped := false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			begun, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			begun, quote = true, c
		case quote == 0 && c == ' ':
			if begun {
				out = append(out, word.String())
			}
			begun = false
			word.Reset()
		default:
			begun = true
			word.WriteRune(c)
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// needShell skips where no command can play the one of macOS.
func needShell(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is nothing here to play the security command")
	}
}

// asSecurity returns the path of a security command that uses the Mac at the
// socket.
func asSecurity(t testing.TB, socket string) string {
	t.Helper()
	needShell(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "security")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	t.(interface{ Setenv(string, string) }).Setenv(deskVariable, socket)
	return path
}
