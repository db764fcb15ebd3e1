package loginkeychain

import (
	"bufio"
	"encoding/hex"
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
		printed := string(found[0].Data)
		if strings.ContainsFunc(printed, func(r rune) bool { return r < ' ' || r > '~' }) {
			printed = hex.EncodeToString(found[0].Data)
		}
		_, err = fmt.Fprintln(out, printed)
		return err
	case args[0] == "delete-generic-password":
		return m.Delete(item.Dict())
	case args[0] == "add-generic-password":
		return add(m, item, slices.Contains(flags, "-U"))
	}
	return errUsage
}

// add changes an item if it is told to and there is one; where it may not, it makes
// one all the same and is told that there is one.
func add(m secitem.Mac, item secitem.Query, update bool) error {
	if update {
		there := item
		there.Value = nil
		if m.Update(there.Dict(), secitem.Change{Value: item.Value}.Dict()) == nil {
			return nil
		}
	}
	return m.Add(item.Dict())
}

// interactive runs one command a line, and ends as the last one did.
func interactive(m secitem.Mac, in io.Reader, out io.Writer) (last error) {
	lines := bufio.NewReaderSize(in, maxCommand)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				fmt.Fprintln(os.Stderr, "security: line too long")
			}
			return last
		}
		last = security(m, words(strings.TrimSuffix(string(line), "\n")), nil, out)
	}
}

// words splits a line as security -i does, which is no shell (SecurityTool's
// split_line): a quote counts only where a word begins and ends it where it comes
// again, and a backslash keeps the next byte inside quotes of either kind too.
func words(line string) (out []string) {
	var word []byte
	var quote byte
	begun, escaped := false, false
	for _, c := range []byte(line) {
		switch blank := c == ' ' || c == '\t'; {
		case escaped:
			word, escaped = append(word, c), false
		case !begun && blank:
		case !begun && (c == '\'' || c == '"'):
			begun, quote = true, c
		case c == '\\':
			begun, escaped = true, true
		case quote != 0 && c == quote, quote == 0 && blank:
			out, word, begun, quote = append(out, string(word)), nil, false, 0
		default:
			begun, word = true, append(word, c)
		}
	}
	if begun {
		out = append(out, string(word))
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
