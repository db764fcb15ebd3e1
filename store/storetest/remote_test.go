package storetest

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// A store in this process, served to others over the loopback interface: the
// smallest one that several processes can share.

// addressVariable tells a worker where its store is.
const addressVariable = "KINRING_STORETEST_ADDRESS"

func TestMain(m *testing.M) {
	WorkerMain(func() (store.Store, error) { return dial(os.Getenv(addressVariable)) })
	os.Exit(m.Run())
}

// Request and Answer are what travels. net/rpc wants exported names.
type Request struct {
	Key    store.Key // its service alone for List
	Value  []byte
	Record string
	Absent bool
	Match  bool
	Rev    store.Revision
}

type Answer struct {
	Info    store.Info
	Value   []byte
	Record  string
	Rev     store.Revision
	Entries []Answer
	Key     store.Key
	Class   string
	Detail  string
}

func (r Request) cond() store.Condition {
	switch {
	case r.Absent:
		return store.Absent()
	case r.Match:
		return store.Match(r.Rev)
	}
	return store.Any()
}

// Served is the serving side. Its methods have the form that net/rpc wants.
type Served struct{ s store.Store }

func (a *Answer) fail(err error) {
	if err == nil {
		return
	}
	a.Class, a.Detail = "", "an error without a class"
	if c := store.ClassOf(err); c != nil {
		a.Class, a.Detail = c.Name(), ""
	}
}

func (v *Served) Info(_ Request, a *Answer) error {
	a.Info = v.s.Info()
	return nil
}

func (v *Served) Get(r Request, a *Answer) error {
	i, err := v.s.Get(context.Background(), r.Key)
	a.Value, a.Record, a.Rev = i.Value.Bytes(), i.Record.String(), i.Revision
	a.fail(err)
	return nil
}

func (v *Served) Put(r Request, a *Answer) error {
	record, err := store.ParseRecord(r.Record)
	if err == nil {
		a.Rev, err = v.s.Put(context.Background(), r.Key, store.Item{Value: store.NewValue(r.Value), Record: record}, r.cond())
	}
	a.fail(err)
	return nil
}

func (v *Served) Delete(r Request, a *Answer) error {
	a.fail(v.s.Delete(context.Background(), r.Key, r.cond()))
	return nil
}

func (v *Served) List(r Request, a *Answer) error {
	entries, err := v.s.List(context.Background(), r.Key.Service)
	for _, e := range entries {
		a.Entries = append(a.Entries, Answer{Key: e.Key, Record: e.Record.String(), Rev: e.Revision})
	}
	a.fail(err)
	return nil
}

// serve offers a store until the test ends and returns the address.
func serve(t testing.TB, s store.Store) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no loopback interface: %v", err)
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Store", &Served{s}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// remote is the calling side: a store like any other.
type remote struct {
	address string
	info    store.Info
	client  *rpc.Client
	mu      sync.Mutex
	closed  bool
}

func dial(address string) (*remote, error) {
	client, err := rpc.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	var a Answer
	if err := client.Call("Store.Info", Request{}, &a); err != nil {
		return nil, err
	}
	a.Info.Kind, a.Info.ID = "remote", "remote "+address
	a.Info.Capabilities.Persistent = true
	return &remote{address: address, info: a.Info, client: client}, nil
}

func (s *remote) Info() store.Info { return s.info }

func (s *remote) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return except(s.client.Close(), nil)
}

// call makes a call and gives it up with the context. The other side never
// hears of that, so a write is unknown then.
func (s *remote) call(ctx context.Context, verb string, r Request) (Answer, error) {
	var a Answer
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if err := store.FromContext(ctx); err != nil {
		return a, err
	}
	if closed {
		return a, &store.Error{Class: store.ErrUnavailable}
	}
	pending := s.client.Go("Store."+verb, r, &a, make(chan *rpc.Call, 1))
	select {
	case <-pending.Done:
		return a, a.err(pending.Error)
	case <-ctx.Done():
	}
	if verb == "Put" || verb == "Delete" {
		return Answer{}, &store.Error{Class: store.ErrOutcomeUnknown}
	}
	return Answer{}, store.FromContext(ctx)
}

func (a Answer) err(failed error) error {
	if failed != nil {
		return &store.Error{Class: store.ErrUnavailable, Err: failed}
	}
	for _, c := range store.Classes() {
		if c.Name() == a.Class {
			return &store.Error{Class: c}
		}
	}
	if a.Detail != "" {
		return errors.New(a.Detail)
	}
	return nil
}

func (s *remote) at(err error, op string, k store.Key) error { return store.At(err, op, s.info.ID, k) }

func (s *remote) Get(ctx context.Context, k store.Key) (store.Item, error) {
	a, err := s.call(ctx, "Get", Request{Key: k})
	if err != nil {
		return store.Item{}, s.at(err, "get", k)
	}
	record, err := store.ParseRecord(a.Record)
	return store.Item{Value: store.NewValue(a.Value), Record: record, Revision: a.Rev}, s.at(err, "get", k)
}

func (s *remote) Put(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
	record, err := i.Record.Encode()
	if err != nil {
		return "", s.at(err, "put", k)
	}
	r := Request{Key: k, Value: i.Value.Bytes(), Record: record, Absent: cond.IsAbsent()}
	r.Rev, r.Match = cond.Revision()
	a, err := s.call(ctx, "Put", r)
	return a.Rev, s.at(err, "put", k)
}

func (s *remote) Delete(ctx context.Context, k store.Key, cond store.Condition) error {
	r := Request{Key: k, Absent: cond.IsAbsent()}
	r.Rev, r.Match = cond.Revision()
	_, err := s.call(ctx, "Delete", r)
	return s.at(err, "delete", k)
}

func (s *remote) List(ctx context.Context, service string) ([]store.Entry, error) {
	a, err := s.call(ctx, "List", Request{Key: store.Key{Service: service}})
	var entries []store.Entry
	for _, e := range a.Entries {
		record, damaged := store.ParseRecord(e.Record)
		err = errors.Join(err, damaged)
		entries = append(entries, store.Entry{Key: e.Key, Record: record, Revision: e.Rev})
	}
	return entries, s.at(err, "list", store.Key{})
}

// served is a target over memory stores that other processes share.
func served(wrap func(store.Store) store.Store) Target {
	open := func(t testing.TB, address string) store.Store {
		s, err := dial(address)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return Target{
		Open:   func(t testing.TB) store.Store { return open(t, serve(t, wrap(memory.New()))) },
		Reopen: func(t testing.TB, s store.Store) store.Store { return open(t, s.(*remote).address) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return Reexec(t, append(env, addressVariable+"="+s.(*remote).address)...)
		},
	}
}

func TestServedStore(t *testing.T) { Run(t, served(sound)) }

// freely writes whatever the condition says.
func freely(s store.Store) bent {
	return putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, _ store.Condition) (store.Revision, error) {
			return s.Put(ctx, k, i, store.Any())
		}
	})(s)
}

var processBugs = []bug{
	{name: "ignores the conditions of other processes", on: served, bend: freely,
		meant: []string{"I3/absent-processes", "I3/match-processes", "I3/counter-processes"}},
	{name: "loses every tenth write", on: served, meant: []string{"I3/counter-processes"}, bend: putBug(func(s store.Store) putFunc {
		var mu sync.Mutex
		n := 0
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%10 == 0 {
				return store.Revision("lost " + strconv.Itoa(n)), nil
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
}

// archive is a target over read-only stores that hold two secrets.
func archive(wrap func(store.Store) store.Store) Target {
	holds := []Held{{key("first"), []byte("one\x00")}, {key("second"), []byte("two")}}
	return Target{Holds: holds, Open: func(t testing.TB) store.Store {
		m := memory.New()
		for _, h := range holds {
			if _, err := m.Put(t.Context(), h.Key, store.Item{Value: store.NewValue(h.Value)}, store.Any()); err != nil {
				t.Fatal(err)
			}
		}
		return wrap(readOnlyStore{m})
	}}
}

// readOnlyStore refuses every Put.
type readOnlyStore struct{ store.Store }

func (r readOnlyStore) Info() store.Info {
	i := r.Store.Info()
	i.Capabilities = store.Capabilities{ReadOnly: true}
	return i
}

func (r readOnlyStore) Put(_ context.Context, k store.Key, _ store.Item, _ store.Condition) (store.Revision, error) {
	return "", store.At(&store.Error{Class: store.ErrUnsupported}, "put", r.Info().ID, k)
}

func TestReadOnlyStore(t *testing.T) { Run(t, archive(sound)) }

var readOnlyBugs = []bug{
	{name: "writes although it is read-only", on: archive, meant: []string{"I5/read-only"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			return s.(readOnlyStore).Store.Put(ctx, k, i, cond)
		}
	})},
	{name: "calls a put into a read-only store denied", on: archive, meant: []string{"I5/read-only"}, bend: putBug(func(store.Store) putFunc {
		return func(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error) {
			return "", &store.Error{Class: store.ErrDenied}
		}
	})},
	{name: "deletes the whole read-only store", on: archive, meant: []string{"I5/read-only-delete"}, bend: deleteBug(func(s store.Store) deleteFunc {
		return func(ctx context.Context, k store.Key, cond store.Condition) error {
			entries, _ := s.List(ctx, "")
			for _, e := range entries {
				_ = s.Delete(ctx, e.Key, store.Any())
			}
			return except(s.Delete(ctx, k, cond), store.ErrNotFound)
		}
	})},
}
