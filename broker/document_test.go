//go:build unix

package broker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// document is docs/BROKER.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/BROKER.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names are what a document calls values that are others in each run.
type names map[string]string

var named = regexp.MustCompile(`(REVISION|STORE)-[0-9]+`)

// fits reports whether what was answered is what the document says, and learns
// what it calls by a name.
func (n names) fits(said, documented any) bool {
	switch d := documented.(type) {
	case string:
		got, ok := said.(string)
		if !ok {
			return false
		}
		name := named.FindString(d)
		if name == d && n[name] == "" {
			n[name] = got
		}
		return got == d || name != "" && got == strings.ReplaceAll(d, name, n[name])
	case map[string]any:
		got, ok := said.(map[string]any)
		if !ok || len(got) != len(d) {
			return false
		}
		for k := range d {
			if !n.fits(got[k], d[k]) {
				return false
			}
		}
		return true
	case []any:
		got, ok := said.([]any)
		if !ok || len(got) != len(d) {
			return false
		}
		for i := range d {
			if !n.fits(got[i], d[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(said, documented)
}

// TestDocument: the conversation in the document is what a broker says.
func TestDocument(t *testing.T) {
	_, block, found := strings.Cut(document(t), "```jsonrpc\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatal("the document has no conversation")
	}
	r := serve(t, inMemory(), broker.Options{}).raw(t)
	known, said := names{}, 0
	for line := range strings.Lines(block) {
		direction, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if direction == ">" {
			r.say(frame(text))
			said++
			continue
		}
		var want, got any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		body := r.body()
		if err := json.Unmarshal(body, &got); err != nil || !known.fits(got, want) {
			t.Errorf("the broker says\n%s, the document\n%s", body, text)
		}
	}
	if said < 16 {
		t.Errorf("only %d requests", said)
	}
}

// body reads the JSON text of the next message.
func (r *raw) body() []byte {
	r.Helper()
	for {
		body, size, err := wire.Split(r.in, wire.MaxFrame)
		if err != nil {
			r.Fatal(err)
		}
		if body != nil {
			r.in = r.in[size:]
			return body
		}
		b := make([]byte, 4<<10)
		n, err := r.Read(b)
		r.in = append(r.in, b[:n]...)
		if n == 0 && err != nil {
			r.Fatalf("no answer: %v", err)
		}
	}
}

// TestDocumentedTables: the codes, limits and methods of the document are those of
// the code.
func TestDocumentedTables(t *testing.T) {
	text := document(t)
	for _, class := range store.Classes() {
		if row := fmt.Sprintf("| %s | %d |", class.Name(), wire.CodeOf(class)); !strings.Contains(text, row) {
			t.Errorf("the document has no %q", row)
		}
	}
	for _, m := range []string{wire.MethodHello, wire.MethodProve, wire.MethodPing, wire.MethodGet, wire.MethodSet, wire.MethodDelete, wire.MethodList,
		wire.MethodStatus, wire.MethodRejected, wire.MethodUpdateBegin, wire.MethodUpdateEnd, wire.MethodWatch, wire.MethodUnwatch, wire.MethodMigrate,
		wire.MethodStoreOpen, wire.MethodStoreGet, wire.MethodStorePut, wire.MethodStoreDelete, wire.MethodStoreList, wire.MethodStorePrint,
		wire.MethodLeaseHold, wire.MethodLeaseBegin, wire.MethodLeaseEnd, wire.MethodServe, wire.MethodLegacyGet, wire.MethodLegacyDelete, wire.MethodBroker,
		wire.MethodUnlock, wire.MethodLock, wire.MethodShutdown, wire.NoteCancel, wire.NoteChanged, wire.NoteProgress} {
		if !strings.Contains(text, "`"+m+"`") {
			t.Errorf("the document has no method %s", m)
		}
	}
	d := broker.DefaultLimits
	for _, row := range []string{
		fmt.Sprintf("| from connecting to hello | %d s |", int(d.Hello.Seconds())), fmt.Sprintf("| from a frame's first byte to its last | %d s |", int(d.Frame.Seconds())),
		fmt.Sprintf("| for the client to take an answer | %d s |", int(d.Write.Seconds())), fmt.Sprintf("| %d min |", int(d.Idle.Minutes())),
		fmt.Sprintf("| requests at a time in a connection | %d |", d.Inflight), fmt.Sprintf("| %d, %d, %d |", d.Watches, d.Inflight, d.Inflight),
		fmt.Sprintf("| %d; %d |", d.Conns, d.ConnsPerPeer), fmt.Sprintf("| large frames under way, together | %d MiB |", d.Large>>20),
		fmt.Sprintf("| one request | %d min |", int(d.Call.Minutes())), fmt.Sprintf("| a header block | %d bytes |", wire.MaxHeader),
		fmt.Sprintf("| a frame | %d MiB;", wire.MaxFrame>>20),
	} {
		if !strings.Contains(text, row) {
			t.Errorf("the document has no %q", row)
		}
	}
}
