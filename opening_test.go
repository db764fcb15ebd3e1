package kinring_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// slowToOpen is a driver whose store opens when it is told to, as one does that asks
// a person first.
type slowToOpen struct {
	store.Store
	asked, answer chan struct{}
}

func (d slowToOpen) Kind() string                     { return d.Info().Kind }
func (d slowToOpen) Capabilities() store.Capabilities { return d.Info().Capabilities }
func (d slowToOpen) Open(context.Context, store.Family) (store.Store, error) {
	close(d.asked)
	<-d.answer
	return d.Store, nil
}

// TestOpeningKeepsNobody: while the store is being opened for one operation, which
// may take as long as a person does, another one waits as long as its own time goes
// and no longer; what needs no store does not wait at all.
func TestOpeningKeepsNobody(t *testing.T) {
	d := slowToOpen{memory.New(), make(chan struct{}), make(chan struct{})}
	ring, err := kinring.Open(t.Context(), kinring.Profile{Name: "slow", Service: "slow"}, kinring.WithStore(d), kinring.WithStateDir(""), kinring.WithoutBroker())
	if err != nil {
		t.Fatal(err)
	}
	patient := make(chan error, 1)
	go func() {
		_, err := ring.Get(context.WithoutCancel(t.Context()), "a")
		patient <- err
	}()
	<-d.asked
	hurried := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := ring.Get(ctx, "b")
		hurried <- err
		ring.StoreKind()
		hurried <- nil
	}()
	watchdog, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, want := range []*store.Class{store.ErrTimedOut, nil} {
		select {
		case err := <-hurried:
			if want != nil && !errors.Is(err, want) {
				t.Errorf("who is in a hurry: %v", err)
			}
		case <-watchdog.Done():
			t.Error("who is in a hurry waits for somebody else")
		}
	}
	close(d.answer)
	if err := <-patient; !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("who waited: %v", err)
	}
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
}
