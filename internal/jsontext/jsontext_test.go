package jsontext

import (
	"errors"
	"strings"
	"testing"
)

func nested(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

func TestCheckObject(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
	}{
		{`{}`, nil},
		{" \r\n\t{ } \n", nil},
		{`{"a":"\"}","b":[{"c":1}],"d":null}`, nil},
		{nested(MaxDepth), nil},
		{nested(MaxDepth + 1), ErrTooDeep},
		{strings.Repeat("[", 1<<20), ErrTooDeep},
		{``, ErrNotObject},
		{`[]`, ErrNotObject},
		{`"{}"`, ErrNotObject},
		{`null`, ErrNotObject},
		{`{"a":1`, ErrNotObject},
		{`{"a":1}}`, ErrNotObject},
		{`{"a":1}{}`, ErrNotObject},
		{`{"a":1,}`, ErrNotObject},
		{"\xef\xbb\xbf{}", ErrNotObject},
		{"{}\x00", ErrNotObject},
		{"{\"a\":\"\xff\"}", ErrNotText},
	} {
		if err := CheckObject([]byte(c.text)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%.40q: %v; want %v", c.text, err, c.want)
		}
	}
}
