package secretservice

import (
	"context"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// TestKeePassXC is a smoke test with a few items: KeePassXC 2.7.4 ends when many
// are made quickly. It removes items only where it may ask, because it may be
// configured to; a silent write leaves what it replaced, and counts nevertheless.
func TestKeePassXC(t *testing.T) {
	k := keyringtest.NewKeePassXC(t)
	s, err := open(t.Context(), optionsOn(k.Bus))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if id := s.Info().ID; id != "keepassxc" {
		t.Errorf("the provider is %q", id)
	}
	wantAbsent(t, s, "value")
	value := "a\x00b\xff\nc"
	mustPut(t, s, "value", value)
	wantValue(t, s, "value", value)
	mustPut(t, s, "value", "second")
	wantValue(t, s, "value", "second")
	wantItems(t, s, "value", 2)
	put := func(ctx context.Context, account string, i store.Item) {
		t.Helper()
		if _, err := s.Put(ctx, key(account), i, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
	put(asking(t), "value", item("third"))
	wantValue(t, s, "value", "third")
	wantItems(t, s, "value", 1)
	put(asking(t), "value", marker())
	if i, err := s.Get(t.Context(), key("value")); err != nil || i.Record.Kind != store.KindMarker || i.Value.Len() != 0 {
		t.Errorf("the marker is %v, %v", i.Record, err)
	}
	mustPut(t, s, "other", sentinel)
	if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != 2 {
		t.Errorf("listed %v, %v", entries, err)
	}
	wantClass(t, "a silent deletion", s.Delete(t.Context(), key("other"), store.Any()), store.ErrLocked)
	wantValue(t, s, "other", sentinel)
	_, err = s.Put(t.Context(), key("other"), item("{title} would be replaced"), store.Any())
	wantClass(t, "a value that would come back as another", err, store.ErrUnsupported)
	wantValue(t, s, "other", sentinel)
	json := `{"auth_mode":"made up","tokens":{"id":"{","more":[{}]}}`
	mustPut(t, s, "json", json)
	wantValue(t, s, "json", json)
	if err := s.Delete(asking(t), key("other"), store.Any()); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "other")
}

func TestHasPlaceholder(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "{": false, "}": false, "{}": false, "{TITLE": false, "{TITLE}": true, "a{ref:P@I:0}": true, "{1}": false,
		`{"a":1}`: false, `{"a":"{USERNAME}"}`: true, `{"a":{"b":{}}}`: false, "{x{y}": true, "{[}": false, "{a\x00}": true,
	} {
		if got := hasPlaceholder([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
