package store

import "testing"

func TestInteraction(t *testing.T) {
	if i, said := InteractionOf(t.Context()); i != IfAttended || said {
		t.Errorf("nothing said: %v, %v", i, said)
	}
	ctx := t.Context()
	for want, name := range map[Interaction]string{IfAttended: "if-attended", Never: "never", Always: "always"} {
		ctx = WithInteraction(ctx, want)
		if got, said := InteractionOf(ctx); got != want || !said || got.String() != name {
			t.Errorf("got %v, %v; want %s", got, said, name)
		}
	}
}
