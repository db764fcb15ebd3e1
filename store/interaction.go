package store

import "context"

// Interaction says whether a call may ask a person for permission.
type Interaction int

const (
	// IfAttended asks where somebody can be expected to answer: there is a screen,
	// and this is not a remote or a background session. It is the default.
	IfAttended Interaction = iota
	// Never asks nobody: what would need a question is ErrLocked or ErrDenied.
	Never
	// Always asks whenever the system can show a question.
	Always
)

// String returns if-attended, never or always.
func (i Interaction) String() string {
	return [...]string{IfAttended: "if-attended", Never: "never", Always: "always"}[i]
}

type interactionKey struct{}

// WithInteraction says for all calls in a context whether they may ask. What is
// said last holds.
func WithInteraction(ctx context.Context, i Interaction) context.Context {
	return context.WithValue(ctx, interactionKey{}, i)
}

// InteractionOf returns what a context says, and whether it says anything.
func InteractionOf(ctx context.Context) (i Interaction, said bool) {
	i, said = ctx.Value(interactionKey{}).(Interaction)
	return i, said
}
