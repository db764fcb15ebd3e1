package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kinring/kinring"
)

// unitFile is a file of the service manager.
type unitFile struct {
	path string // where install puts it
	text string
}

// unit prints or writes the service manager's files for the family's broker.
func (a *app) unit(f serveFlags) error {
	p, err := a.profile.load()
	if err != nil {
		return err
	}
	path, err := socketPath(p.Name, f.socket)
	if err != nil {
		return err
	}
	files, next, err := unitFiles(runtime.GOOS, p.Name, path, a.serviceCommand(f), f.idleExit > 0)
	if err != nil {
		return err
	}
	for _, u := range files {
		if f.printUnit {
			fmt.Fprintf(a.out, "# %s\n%s\n", u.path, u.text)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // launchd makes no directories
			return &kinring.Error{Class: kinring.ErrDenied, Op: "serve", Store: path, Err: err, Remedy: "name a socket in a directory of your own"}
		}
		if err := writeUnit(u); err != nil {
			return err
		}
		fmt.Fprintln(a.out, u.path)
	}
	a.notice("start it with: %s", next)
	return nil
}

// serviceCommand is the command line that the service manager runs.
func (a *app) serviceCommand(f serveFlags) []string {
	self, err := os.Executable()
	if err != nil {
		self = "kinring"
	}
	line := []string{self}
	if a.profile.file != "" || a.profile.family == "" && os.Getenv("KINRING_PROFILE") != "" {
		file := a.profile.file
		if file == "" {
			file = os.Getenv("KINRING_PROFILE")
		}
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		line = append(line, "--profile", file)
	} else {
		family := a.profile.family
		if family == "" {
			family = os.Getenv("KINRING_FAMILY")
		}
		line = append(line, "--family", family)
	}
	line = append(line, "serve")
	if f.grants != "" {
		if abs, err := filepath.Abs(f.grants); err == nil {
			line = append(line, "--grants", abs)
		}
	}
	if f.idleExit > 0 {
		line = append(line, "--idle-exit", f.idleExit.String())
	}
	return line
}

// unitFiles are a platform's; idle says that the broker ends when nobody uses it,
// and has to be started again by whoever connects.
func unitFiles(platform, family, socket string, command []string, idle bool) ([]unitFile, string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, "", &kinring.Error{Class: kinring.ErrInvalid, Op: "serve", Detail: "the home directory is not known", Err: err, Remedy: "set HOME"}
	}
	switch platform {
	case "darwin":
		u := launchAgent(home, family, socket, command, idle)
		return []unitFile{u}, "launchctl bootstrap gui/$(id -u) " + u.path, nil
	case "linux":
		files := systemdUnits(home, family, socket, command)
		return files, "systemctl --user daemon-reload && systemctl --user enable --now " + filepath.Base(files[0].path), nil
	}
	return nil, "", &kinring.Error{Class: kinring.ErrUnsupported, Op: "serve", Detail: "this platform has no service manager that kinring knows",
		Remedy: "start kinring serve at login"}
}

// systemdUnits are a socket and its service (systemd.socket(5), systemd.exec(5)):
// the first client starts the broker.
func systemdUnits(home, family, socket string, command []string) []unitFile {
	dir := filepath.Join(home, ".config", "systemd", "user")
	if config := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(config) {
		dir = filepath.Join(config, "systemd", "user")
	}
	name := filepath.Join(dir, "kinring-"+family)
	return []unitFile{
		{name + ".socket", fmt.Sprintf(`[Unit]
Description=kinring broker of %s

[Socket]
ListenStream=%s
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
`, family, systemdEscape(socket))},
		{name + ".service", fmt.Sprintf(`[Unit]
Description=kinring broker of %s
Requires=kinring-%s.socket

[Service]
ExecStart=%s
UMask=0077
LimitCORE=0
MemorySwapMax=0
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX
Restart=on-failure
`, family, family, systemdCommand(command))},
	}
}

// systemdEscape keeps systemd from taking a percent sign for a specifier.
func systemdEscape(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// systemdCommand quotes a command line (systemd.service(5), "Command lines").
func systemdCommand(command []string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`)
	var parts []string
	for _, part := range command {
		parts = append(parts, `"`+quote.Replace(part)+`"`)
	}
	return strings.Join(parts, " ")
}

// launchAgent is an agent, never a daemon: the data-protection keychain is a
// user's (launchd.plist(5)). With idle launchd makes the socket, and starts the
// broker again for who connects.
func launchAgent(home, family, socket string, command []string, idle bool) unitFile {
	label := "com.kinring.broker." + family
	var arguments strings.Builder
	for _, part := range append(command, "--socket", socket) {
		arguments.WriteString("\t\t<string>")
		_ = xml.EscapeText(&arguments, []byte(part)) // a builder takes everything
		arguments.WriteString("</string>\n")
	}
	sockets := ""
	if idle {
		sockets = launchSocket(socket)
	}
	return unitFile{filepath.Join(home, "Library", "LaunchAgents", label+".plist"), fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>%s</string>
	<key>ProgramArguments</key>
	<array>
%s	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
%s	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
	<key>ProcessType</key>
	<string>Background</string>
	<key>Umask</key>
	<integer>63</integer>
	<key>HardResourceLimits</key>
	<dict>
		<key>Core</key>
		<integer>0</integer>
	</dict>
</dict>
</plist>
`, label, arguments.String(), sockets)}
}

// launchSocket is the socket that the broker asks launchd for by this name; its
// mode is 0600.
func launchSocket(path string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(path)) // a builder takes everything
	return fmt.Sprintf(`	<key>Sockets</key>
	<dict>
		<key>broker</key>
		<dict>
			<key>SockFamily</key>
			<string>Unix</string>
			<key>SockPathName</key>
			<string>%s</string>
			<key>SockPathMode</key>
			<integer>384</integer>
		</dict>
	</dict>
`, &escaped)
}

// writeUnit writes a file that is not there. One that is there with other words is
// somebody's own.
func writeUnit(u unitFile) error {
	old, err := os.ReadFile(u.path)
	if err == nil && string(old) == u.text {
		return nil
	}
	if err == nil {
		return &kinring.Error{Class: kinring.ErrConflict, Op: "serve", Store: u.path, Detail: "the file is there and says something else",
			Remedy: "compare it with kinring serve --print-unit, and remove it to have it written anew"}
	}
	if err := os.MkdirAll(filepath.Dir(u.path), 0o700); err != nil {
		return &kinring.Error{Class: kinring.ErrDenied, Op: "serve", Store: u.path, Err: err, Remedy: "make the directory writable"}
	}
	if err := os.WriteFile(u.path, []byte(u.text), 0o600); err != nil {
		return &kinring.Error{Class: kinring.ErrDenied, Op: "serve", Store: u.path, Err: err, Remedy: "make the directory writable"}
	}
	return nil
}
