package keyringtest

import (
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Names of the interface through which gnome-keyring shows its prompts
// (gcr/gcr-dbus-constants.h).
const (
	prompterName     = "org.gnome.keyring.SystemPrompter"
	prompterIface    = "org.gnome.keyring.internal.Prompter"
	prompterCallback = "org.gnome.keyring.internal.Prompter.Callback"
)

// Answer is what a person does with one prompt.
type Answer struct {
	kind     answerKind
	password string
}

type answerKind int

const (
	answerPassword answerKind = iota
	answerRefusal
	answerNever
)

// Type types a password, Refuse cancels the prompt, and Ignore leaves it open.
func Type(password string) Answer { return Answer{answerPassword, password} }

var (
	Refuse = Answer{kind: answerRefusal}
	Ignore = Answer{kind: answerNever}
)

// Prompter stands in for the desktop's own prompts, and for the person.
type Prompter struct {
	conn      *dbus.Conn
	answers   []Answer
	exchanges map[string]*exchange // by sender and callback

	mu      sync.Mutex
	changed *sync.Cond
	asked   int
}

// NewPrompter answers the prompts on the bus, one answer each; the last one is
// given to all that follow.
func (b *Bus) NewPrompter(t testing.TB, answers ...Answer) *Prompter {
	t.Helper()
	p := &Prompter{conn: b.Connect(t), answers: answers, exchanges: map[string]*exchange{}}
	p.changed = sync.NewCond(&p.mu)
	if reply, err := p.conn.RequestName(prompterName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("becoming the prompter: %v, %v", reply, err)
	}
	// The keyring takes PromptReady only after the answer to its own call. What
	// is sent by hand goes out in the order in which it is sent.
	calls := make(chan *dbus.Message, 64)
	p.conn.Eavesdrop(calls)
	go func() {
		for m := range calls {
			if m.Type == dbus.TypeMethodCall {
				p.serve(m)
			}
		}
	}()
	return p
}

// Asked returns how many prompts there were to answer. A wrong password makes
// another one.
func (p *Prompter) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Await waits until there was a prompt. One that is given up may be shown some time
// later.
func (p *Prompter) Await() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.asked == 0 {
		p.changed.Wait()
	}
}

func (p *Prompter) serve(m *dbus.Message) {
	sender, _ := m.Headers[dbus.FieldSender].Value().(string)
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	p.reply(sender, m.Serial())
	if len(m.Body) == 0 {
		return
	}
	callback, _ := m.Body[0].(dbus.ObjectPath)
	name := sender + string(callback)
	switch member {
	case "BeginPrompting":
		p.exchanges[name] = newExchange()
		p.ready(sender, callback, "", p.exchanges[name].text())
	case "PerformPrompt":
		text, _ := m.Body[len(m.Body)-1].(string)
		p.perform(sender, callback, p.exchanges[name], text)
	case "StopPrompting":
		p.call(sender, callback, "PromptDone")
	}
}

func (p *Prompter) perform(sender string, callback dbus.ObjectPath, x *exchange, theirs string) {
	switch a := p.next(); a.kind {
	case answerPassword:
		p.ready(sender, callback, "yes", x.answer(theirs, a.password))
	case answerRefusal:
		p.ready(sender, callback, "no", x.text())
	}
}

func (p *Prompter) next() Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.changed.Broadcast()
	return p.answers[min(p.asked, len(p.answers))-1]
}

// ready sends an answer. Without a password's strength the keyring would ask
// whether it may do without one.
func (p *Prompter) ready(sender string, callback dbus.ObjectPath, answer, exchange string) {
	strength := dbus.MakeVariant(dbus.MakeVariant(int32(5)))
	p.call(sender, callback, "PromptReady", answer, map[string]dbus.Variant{"password-strength": strength}, exchange)
}

func (p *Prompter) call(sender string, callback dbus.ObjectPath, method string, args ...any) {
	p.conn.Object(sender, callback).Call(prompterCallback+"."+method, dbus.FlagNoReplyExpected, args...)
}

func (p *Prompter) reply(sender string, serial uint32) {
	p.conn.Send(&dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(sender), dbus.FieldReplySerial: dbus.MakeVariant(serial)}}, nil)
}
