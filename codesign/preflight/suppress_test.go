package preflight

import (
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/signfixture"
)

const goodSuppressions = `schema = 1
[[suppress]]
rule    = "KR105-no-hardened-runtime"
path    = "dist/*"
reason  = "rebuilt in March"
expires = 2026-04-01
`

func TestParseSuppressions(t *testing.T) {
	list, err := ParseSuppressions([]byte(goodSuppressions))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	want := Suppression{"KR105-no-hardened-runtime", "dist/*", "rebuilt in March", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	if list[0] != want {
		t.Errorf("got %+v, want %+v", list[0], want)
	}
	for name, edit := range map[string][2]string{
		"schema":       {"schema = 1", "schema = 2"},
		"unknown key":  {"reason ", "because "},
		"unknown rule": {"KR105", "KR199"},
		"no reason":    {"rebuilt in March", ""},
		"no date":      {"expires = 2026-04-01", ""},
		"text as date": {"2026-04-01", "\"tomorrow\""},
		"bad pattern":  {"dist/*", "["},
		"bad parent":   {"dist/*", "[/**"},
		"broken":       {"[[suppress]]", "[[suppress"},
	} {
		text := strings.Replace(goodSuppressions, edit[0], edit[1], 1)
		if text == goodSuppressions {
			t.Fatalf("%s: nothing is edited", name)
		}
		if _, err := ParseSuppressions([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ParseSuppressions(make([]byte, MaxSuppressions+1)); err == nil {
		t.Error("a huge file is accepted")
	}
}

func TestUnknownKeyIsNamedWithItsLine(t *testing.T) {
	_, err := ParseSuppressions([]byte(strings.Replace(goodSuppressions, "reason ", "because ", 1)))
	if err == nil || !strings.Contains(err.Error(), "line 5") || !strings.Contains(err.Error(), "because") {
		t.Errorf("got %v", err)
	}
}

func TestSuppressionEndsOnItsDay(t *testing.T) {
	k := newKit(t)
	broken := k.bare(nil, func(s *signing) { s.NoRuntime = true })
	for _, c := range []struct {
		one        Suppression
		suppressed bool
		ended      bool
	}{
		{Suppression{Rule: "KR105", Reason: "r", Expires: signfixture.Now.Add(time.Second)}, true, false},
		{Suppression{Rule: "KR105", Reason: "r", Expires: signfixture.Now}, false, true},
		{Suppression{Rule: "kr105", Path: "tool", Reason: "r", Expires: signfixture.Now.Add(time.Hour)}, true, false},
		{Suppression{Rule: "KR105", Path: "to*", Reason: "r", Expires: signfixture.Now.Add(time.Hour)}, true, false},
		{Suppression{Rule: "KR105", Path: "other", Reason: "r", Expires: signfixture.Now.Add(time.Hour)}, false, false},
		{Suppression{Rule: "KR101", Reason: "r", Expires: signfixture.Now.Add(time.Hour)}, false, false},
	} {
		o := options()
		o.Suppressions = []Suppression{c.one}
		r := k.check(broken, o)
		if hasRule(r, "KR105") == c.suppressed || (len(r.Suppressed) == 1) != c.suppressed || hasRule(r, "KR504") != c.ended {
			t.Errorf("%+v: findings %s, suppressed %v", c.one, describe(r), r.Suppressed)
		}
		if c.suppressed && (r.Failed() || r.Suppressed[0].Reason != "r") {
			t.Errorf("%+v: failed %v, suppressed %v", c.one, r.Failed(), r.Suppressed)
		}
	}
}

func TestMatchPath(t *testing.T) {
	for _, c := range []struct {
		pattern, at string
		want        bool
	}{
		{"Demo.app/*", "Demo.app/a", true},
		{"Demo.app/*", "Demo.app/a/b", false},
		{"Demo.app/**", "Demo.app/a/b", true},
		{"Demo.app/**", "Demo.app/a", true},
		{"Demo.app/**", "Demo.app", false},
		{"Demo.app/**", "Demo.apple/a", false},
		{"*/Contents/**", "Demo.app/Contents/MacOS/Demo", true},
		{"*/Contents/**", "out/Demo.app/Contents/MacOS/Demo", false},
		{"*.app/**", "Other/a", false},
	} {
		if got := matchPath(c.pattern, c.at); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.at, got)
		}
	}
}

func FuzzParseSuppressions(f *testing.F) {
	f.Add([]byte(goodSuppressions))
	f.Add([]byte("schema = 1"))
	f.Add([]byte("schema = 1\n[[suppress]]\nrule = 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseSuppressions(data)
		if err != nil {
			return
		}
		for _, s := range list {
			if s.Reason == "" || s.Expires.IsZero() {
				t.Errorf("accepted without reason or date: %+v", s)
			}
		}
	})
}
