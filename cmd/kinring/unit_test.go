package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// TestUnitFiles: the files of both service managers name the socket and the
// command, quoted as each wants it, and allow no core dumps. A broker that ends by
// itself has its socket made by the service manager, which starts it again.
func TestUnitFiles(t *testing.T) {
	t.Setenv("HOME", "/home/person")
	t.Setenv("XDG_CONFIG_HOME", "")
	command := []string{"/opt/a & b/kinring", "--family", "x", "serve", `--grants`, `/tmp/50% "off"`}
	for _, c := range []struct {
		platform string
		idle     bool
		has      []string
		lacks    string
	}{
		{"linux", false, []string{"ListenStream=/run/a%%b.sock\n", "LimitCORE=0\n", `"/opt/a & b/kinring" "--family" "x" "serve" "--grants" "/tmp/50%% \"off\""`}, "= 50"},
		{"darwin", false, []string{"<string>/opt/a &amp; b/kinring</string>", "/tmp/50% &#34;off&#34;", "<key>Core</key>", "<string>Aqua</string>"}, "Sockets"},
		{"darwin", true, []string{"<key>Sockets</key>", "<key>broker</key>", "<string>/run/a%b.sock</string>\n\t\t\t<key>SockPathMode</key>\n\t\t\t<integer>384</integer>"}, "<string>/opt/a & b"},
	} {
		files, next, err := unitFiles(c.platform, "x", "/run/a%b.sock", command, c.idle)
		if err != nil || next == "" {
			t.Fatalf("%s: %v", c.platform, err)
		}
		all := ""
		for _, f := range files {
			all += f.text
			if c.platform == "darwin" {
				wellFormed(t, f.text)
			}
		}
		for _, part := range c.has {
			if !strings.Contains(all, part) {
				t.Errorf("%s: %q is not in\n%s", c.platform, part, all)
			}
		}
		if strings.Contains(all, c.lacks) {
			t.Errorf("%s: %q is in\n%s", c.platform, c.lacks, all)
		}
	}
	if _, _, err := unitFiles("plan9", "x", "/run/x.sock", command, false); err == nil {
		t.Error("a platform without a service manager has files of one")
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}
