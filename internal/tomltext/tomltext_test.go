package tomltext

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// keys returns n keys, one a line.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	return b.String()
}

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"nothing":         {"", nil},
		"not TOML":        {"a = [", nil},
		"as many":         {keys(MaxKeys), nil},
		"one more":        {keys(MaxKeys + 1), ErrTooMany},
		"dotted":          {strings.Repeat("a.", MaxKeys) + "b = 1\n", ErrTooMany},
		"tables":          {strings.Repeat("[[a]]\n", MaxKeys+1), ErrTooMany},
		"in braces":       {"a = {" + strings.Repeat("b = 1, ", MaxKeys) + "}\n", ErrTooMany},
		"in a list":       {"a = [" + strings.Repeat("{b = 1},", MaxKeys) + "]\n", ErrTooMany},
		"values":          {"a = [" + strings.Repeat("1,", 2*MaxKeys) + "]\n", nil},
		"a deep list":     {"a = " + strings.Repeat("[", 1<<20), nil},
		"a key in a text": {"a = \"" + strings.Repeat("b = 1, ", MaxKeys) + "\"\n", nil},
	} {
		if err := Check([]byte(tt.text)); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// FuzzCheck: no text makes it panic, and what has few enough keys for its length is
// let through.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{"a = 1", "[a.b]\nc = {d = [1, {e = 2}]}\n", "[[a]]\n'b'.\"c\" = \"\"\"x\"\"\"", "a = [", "= 1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m map[string]any
		if err := Check(text); err != nil && (len(text) < MaxKeys || toml.Unmarshal(text, &m) == nil && len(text) < 2*MaxKeys) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	})
}
