package store

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	long := strings.Repeat("a", MaxService)
	wide := strings.Repeat("é", MaxAccount/2)
	cases := []struct {
		name string
		key  Key
		want *Class
	}{
		{"usual", Key{"service", "account"}, nil},
		{"short", Key{"s", "a"}, nil},
		{"space", Key{" ", " "}, nil},
		{"awkward", Key{`/|:{}"% `, "\n\t\x01\x7f"}, nil},
		{"unicode", Key{"e\u0301", "\u00e9"}, nil},
		{"replacement character", Key{"\ufffd", "a"}, nil},
		{"at the limit", Key{long, long}, nil},
		{"wide at the limit", Key{wide, wide}, nil},
		{"nothing", Key{}, ErrInvalid},
		{"no service", Key{"", "a"}, ErrInvalid},
		{"no account", Key{"s", ""}, ErrInvalid},
		{"service over the limit", Key{long + "a", "a"}, ErrTooLarge},
		{"account over the limit", Key{"s", long + "a"}, ErrTooLarge},
		{"wide over the limit", Key{"s", wide + "a"}, ErrTooLarge},
		{"service not UTF-8", Key{"\xff", "a"}, ErrInvalid},
		{"account not UTF-8", Key{"s", "a\xc3("}, ErrInvalid},
		{"surrogate", Key{"s", "\xed\xa0\x80"}, ErrInvalid},
		{"overlong", Key{"s", "\xc0\xaf"}, ErrInvalid},
		{"NUL in service", Key{"s\x00", "a"}, ErrInvalid},
		{"NUL in account", Key{"s", "\x00"}, ErrInvalid},
	}
	for _, c := range cases {
		err := CheckKey(c.key)
		if got := ClassOf(err); got != c.want || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err != nil && err.(*Error).Advice() == "" {
			t.Errorf("%s: no remedy is named", c.name)
		}
	}
}

// TestCheckKeyNamesThePart: the error says which part, and does not repeat it.
func TestCheckKeyNamesThePart(t *testing.T) {
	for part, key := range map[string]Key{"service": {"secret-name\x00", "a"}, "account": {"s", "secret-name\xff"}} {
		text := CheckKey(key).Error()
		if !strings.Contains(text, part) || strings.Contains(text, "secret-name") {
			t.Errorf("%s: %s", part, text)
		}
	}
}

func TestKeyCompare(t *testing.T) {
	sorted := []Key{{"", ""}, {"", "a"}, {"A", "b"}, {"a", ""}, {"a", "a"}, {"a", "b"}, {"a", "\u00e9"}, {"ab", ""}, {"b", "a"}}
	for i, a := range sorted {
		for j, b := range sorted {
			got := a.Compare(b)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q to %q: %d", a, b, got)
			}
		}
	}
	shuffled := slices.Clone(sorted)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, Key.Compare)
	if !slices.Equal(shuffled, sorted) {
		t.Errorf("sorted to %q", shuffled)
	}
}

func TestKeyRedacted(t *testing.T) {
	cases := map[Key]string{
		{"service", "me"}:                             "service/me",
		{"service", "four"}:                           "service/four",
		{"service", "fives"}:                          "service/five…",
		{"service", "user@example"}:                   "service/user…",
		{"service", "\u00e9\u00e9\u00e9\u00e9\u00e9"}: "service/\u00e9\u00e9\u00e9\u00e9…",
	}
	for key, want := range cases {
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "key", key)
		if got := key.Redacted(); got != want || !strings.Contains(out.String(), want) {
			t.Errorf("got %q and in a log %q, want %q", got, out.String(), want)
		}
		if r := []rune(key.Account); len(r) > 4 && strings.Contains(out.String(), key.Account) {
			t.Errorf("the log shows the account: %s", out.String())
		}
	}
}

// TestRedactedStaysOnItsLine: a name from elsewhere neither breaks the line it is
// printed in nor steers a terminal.
func TestRedactedStaysOnItsLine(t *testing.T) {
	got := Key{Service: "a\nb\x1b[31m", Account: "x\r\u202ey"}.Redacted()
	if want := "a\uFFFDb\uFFFD[31m/x\uFFFD\uFFFDy"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
