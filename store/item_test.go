package store

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestCheckItem(t *testing.T) {
	cases := []struct {
		size, limit int
		ok          bool
	}{
		{0, 0, true}, {MaxValue, 0, true}, {MaxValue + 1, 0, false},
		{2560, 2560, true}, {2561, 2560, false},
		{MaxValue, MaxValue + 1, true}, {MaxValue + 1, MaxValue + 1, false},
		{MaxValue, -1, true}, {MaxValue + 1, -1, false},
		{1, 1, true}, {2, 1, false},
	}
	for _, c := range cases {
		err := CheckItem(Item{Value: NewValue(make([]byte, c.size))}, Capabilities{MaxValue: c.limit})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes with a limit of %d: %v", c.size, c.limit, err)
		}
		if err != nil && !strings.Contains(err.Error(), "bytes; use at most ") {
			t.Errorf("%d bytes with a limit of %d: no remedy in %q", c.size, c.limit, err)
		}
	}
}

func TestCondition(t *testing.T) {
	cases := []struct {
		cond    Condition
		text    string
		present bool
		rev     Revision
		holds   bool
	}{
		{Condition{}, "any", false, "", true},
		{Any(), "any", true, "1", true},
		{Any(), "any", false, "", true},
		{Absent(), "absent", false, "", true},
		{Absent(), "absent", false, "1", true},
		{Absent(), "absent", true, "1", false},
		{Absent(), "absent", true, "", false},
		{Match("1"), "match", true, "1", true},
		{Match("1"), "match", true, "2", false},
		{Match("1"), "match", true, "11", false},
		{Match("1"), "match", true, "", false},
		{Match("1"), "match", false, "1", false},
		{Match("1"), "match", false, "", false},
		{Match(""), "match", true, "", false},
		{Match(""), "match", true, "1", false},
		{Match(""), "match", false, "", false},
	}
	for _, c := range cases {
		if got := c.cond.Holds(c.present, c.rev); got != c.holds {
			t.Errorf("%v with an item: %v and revision %q: %v", c.cond, c.present, c.rev, got)
		}
		_, match := c.cond.Revision()
		if c.cond.String() != c.text || c.cond.IsAny() != (c.text == "any") || c.cond.IsAbsent() != (c.text == "absent") || match != (c.text == "match") {
			t.Errorf("%v says that it is any: %v, absent: %v, match: %v", c.cond, c.cond.IsAny(), c.cond.IsAbsent(), match)
		}
	}
	if rev, _ := Match("1").Revision(); rev != "1" {
		t.Errorf("the revision of a match is %q", rev)
	}
}

// The registry is one for the whole program; tests add names that nobody else
// uses.

type namedDriver struct{ Driver }

func (namedDriver) Kind() string { return "driver of a test" }

type namedLayout struct{ Layout }

func (namedLayout) Name() string { return "layout of a test" }

type namedSelector struct{}

func (namedSelector) Name() string { return "selector of a test" }

func (namedSelector) Mode(context.Context, map[string]string) (string, error) { return "", nil }

func TestRegistries(t *testing.T) {
	cases := []struct {
		name     string
		register func()
		find     func(string) error
	}{
		{"driver of a test", func() { Register(namedDriver{}) }, func(n string) error { _, err := DriverFor(n); return err }},
		{"layout of a test", func() { RegisterLayout(namedLayout{}) }, func(n string) error { _, err := LayoutFor(n); return err }},
		{"selector of a test", func() { RegisterSelector(namedSelector{}) }, func(n string) error { _, err := SelectorFor(n); return err }},
	}
	for _, c := range cases {
		if err := c.find(c.name); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), "import") {
			t.Errorf("%s before it is registered: %v", c.name, err)
		}
		c.register()
		if err := c.find(c.name); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(p.(string), c.name) {
					t.Errorf("%s registered twice: %v", c.name, p)
				}
			}()
			c.register()
		}()
	}
}
