package emulator

import (
	"slices"
	"sync"

	"github.com/kinring/kinring/internal/secitem"
)

// Kind is what a person is asked for.
type Kind string

const (
	// Unlock: the password of the login keychain.
	Unlock Kind = "unlock"
	// Access: may this program read an item of the login keychain.
	Access Kind = "access"
	// Authenticate: for a protected item of the data-protection keychain.
	Authenticate Kind = "authenticate"
)

// Prompt is one question to a person.
type Prompt struct {
	Kind             Kind
	Program          string
	Service, Account string
}

// Answer is what the person says.
type Answer int

const (
	// Deny refuses or cancels.
	Deny Answer = iota
	// Allow permits this once.
	Allow
	// AlwaysAllow permits this program from now on.
	AlwaysAllow
	// Fail is a wrong finger or password; for Authenticate.
	Fail
)

// SetAnswer says who answers prompts. The function may block, as people do: the
// machine goes on meanwhile.
func (m *Mac) SetAnswer(answer func(Prompt) Answer) { m.with(func() { m.answer = answer }) }

// Script answers prompts in this order, and those that follow with Deny.
func Script(answers ...Answer) func(Prompt) Answer {
	var mu sync.Mutex
	return func(Prompt) Answer {
		mu.Lock()
		defer mu.Unlock()
		if len(answers) == 0 {
			return Deny
		}
		a := answers[0]
		answers = answers[1:]
		return a
	}
}

// Prompts returns the questions that a person has seen.
func (m *Mac) Prompts() []Prompt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.prompts)
}

// Attempts returns how often somebody would have had to be asked, whether or not
// that was possible.
func (m *Mac) Attempts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.attempts
}

// ask asks a person. It is called with the machine's lock held and gives it up
// while the person thinks.
func (p *Process) ask(kind Kind, attrs secitem.Dict) (Answer, error) {
	m := p.mac
	m.attempts++
	switch {
	case !p.program.Attended:
		return Deny, secitem.ErrInteractionNotAllowed
	case !p.interaction && kind != Authenticate:
		return Deny, secitem.ErrAuthFailed
	}
	q := Prompt{kind, p.program.Name, attrs.String(secitem.KeyService), attrs.String(secitem.KeyAccount)}
	m.prompts = append(m.prompts, q)
	answer := m.answer
	m.mu.Unlock()
	a := answer(q)
	m.mu.Lock()
	switch a {
	case Deny:
		return a, secitem.ErrUserCanceled
	case Fail:
		return a, secitem.ErrAuthFailed
	}
	return a, nil
}
