package profile

import (
	"strings"
	"testing"
)

// TestBuiltinSources: in which order an older build's places are read, by system.
func TestBuiltinSources(t *testing.T) {
	for _, c := range []struct{ family, system, key, want string }{
		{"codex", "linux", "auth", "codexkeyring codexsecrets authjson"},
		{"codex", "darwin", "auth", "codexkeyring codexsecrets authjson"},
		{"codex", "windows", "auth", "authjson"},
		{"codex", "linux", "mcp/x|0", "rustkeyring codexmcpsecrets credentialsjson"},
		{"codex", "darwin", "mcp/x|0", "mackeyring codexmcpsecrets credentialsjson"},
		{"codex", "windows", "mcp/x|0", "credentialsjson"},
		{"vscode", "linux", "vscode.github-authentication/github.auth", "vscdb"},
		{"vscode", "darwin", "vscode.github-authentication/github.auth", "vscdb"},
		{"vscode", "windows", "vscode.github-authentication/github.auth", "vscdb"},
	} {
		env := here(nil)
		env.OS = c.system
		f, err := builtin(t, c.family).Resolve(env)
		if err != nil {
			t.Fatalf("%s on %s: %v", c.family, c.system, err)
		}
		key, err := f.Key(c.key)
		if err != nil {
			t.Fatalf("%s: %v", c.key, err)
		}
		var got []string
		for _, l := range f.Legacy {
			if f.Serves(l, key) {
				got = append(got, l.Layout)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s on %s, %s: %q, want %q", c.family, c.system, c.key, got, c.want)
		}
	}
}
