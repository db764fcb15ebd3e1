package authjson

import (
	"context"
	"fmt"

	"github.com/kinring/kinring/internal/codexlock"
	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

const (
	entriesLayout = "credentialsjson"
	entriesFile   = ".credentials.json"
	// entriesLimit bounds the file, which holds an entry of up to a few KiB for
	// each server that a person signed in to.
	entriesLimit = 16 << 20
)

func init() { store.RegisterLayout(Entries{}) }

// Entries is the layout "credentialsjson": .credentials.json, in which Codex
// keeps the credentials of MCP servers where there is no keyring. Each entry of
// its outermost object is a secret: the entry's name is the account, and its
// JSON text, byte for byte, the value.
type Entries struct{}

// Name returns credentialsjson.
func (Entries) Name() string { return entriesLayout }

// Capabilities says what a source will promise. Nothing is atomic for all
// processes, because Codex up to 0.145.0 takes no locks.
func (Entries) Capabilities() store.Capabilities {
	return store.Capabilities{Persistent: true}
}

// Canonical returns compact JSON with sorted names.
func (Entries) Canonical(value []byte) []byte { return jsontext.Canonical(value) }

// Open returns the source. The file knows no services: its keys have the one
// that the profile gives.
func (Entries) Open(config store.SourceConfig) (store.Store, error) {
	if config.Service == "" {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: "it is not said which service the entries belong to", Remedy: "give the profile a service"}
	}
	f, err := newFile(config, entriesFile, entriesLimit)
	if err != nil {
		return nil, err
	}
	return &entries{file: f, service: config.Service}, nil
}

// entries is a .credentials.json.
type entries struct {
	*file
	service string
	kept    kept
}

func (e *entries) Info() store.Info {
	return store.Info{Kind: entriesLayout, ID: e.path, Capabilities: Entries{}.Capabilities()}
}

func (e *entries) Get(ctx context.Context, key store.Key) (store.Item, error) {
	err := e.Enter(ctx, key)
	if err != nil {
		return store.Item{}, e.At(err, "get", key)
	}
	item, err := e.get(ctx, key)
	return item, e.At(err, "get", key)
}

func (e *entries) get(ctx context.Context, key store.Key) (store.Item, error) {
	if key.Service != e.service {
		return store.Item{}, source.NothingThere(store.Any(), e.path)
	}
	if item, ok, err := e.batched(ctx, key); ok {
		return item, err
	}
	o, i, err := e.find(ctx, key)
	defer clear(o.text)
	switch {
	case err != nil:
		return store.Item{}, err
	case i < 0:
		return store.Item{}, source.NothingThere(store.Any(), e.path)
	}
	return e.item(key, o.members[i].value.of(o.text))
}

// find reads the file and returns its object and which member the key names, -1
// for none. A file that is not there is an object without members and without a
// text.
func (e *entries) find(ctx context.Context, key store.Key) (object, int, error) {
	if key.Service != e.service {
		return object{}, -1, nil
	}
	o, _, err := e.stamped(ctx)
	if err != nil {
		return object{}, -1, err
	}
	i, err := o.find(key.Account)
	if err != nil {
		clear(o.text)
		return object{}, -1, e.twice(err)
	}
	return o, i, nil
}

// twice refuses an entry that is there more than once.
func (e *entries) twice(err error) error {
	return &store.Error{Class: store.ErrAmbiguous, Store: e.path, Detail: err.Error(),
		Remedy: "sign in to that server again with Codex"}
}

func (e *entries) item(key store.Key, value []byte) (store.Item, error) {
	if len(value) > store.MaxValue {
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Store: e.path,
			Detail: fmt.Sprintf("the entry has more than %d bytes", store.MaxValue), Remedy: "check that it is the right file"}
	}
	if value[0] != '{' {
		return store.Item{}, &store.Error{Class: store.ErrCorrupt, Store: e.path, Detail: "the entry is not a JSON object",
			Remedy: "sign in to that server again with Codex"}
	}
	return store.Item{Value: store.NewValue(value), Revision: entryRevision(key, value)}, nil
}

// entryRevision names an entry by its text: the file keeps nothing else of a
// single entry, and the file's own stamp would change with every other entry.
func entryRevision(key store.Key, value []byte) store.Revision {
	return source.Revision(jsontext.Quote(key.Account), value)
}

func (e *entries) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := e.put(ctx, key, item, cond)
	return rev, e.At(err, "put", key)
}

func (e *entries) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (rev store.Revision, err error) {
	if err := e.checkPut(ctx, key, item); err != nil {
		return "", err
	}
	value := item.Value.Bytes()
	defer clear(value)
	err = e.change(ctx, key, cond, func(o object, i int) ([]byte, error) {
		if i >= 0 {
			return o.with(i, value), nil
		}
		if len(o.members) == maxMembers {
			return nil, &store.Error{Class: store.ErrTooLarge, Store: e.path, Detail: "it is full: " + errTooMany.Error(),
				Remedy: "delete what is not needed there"}
		}
		return o.appended(key.Account, value), nil
	})
	if err != nil {
		return "", err
	}
	return entryRevision(key, value), nil
}

func (e *entries) checkPut(ctx context.Context, key store.Key, item store.Item) error {
	if err := e.Enter(ctx, key); err != nil {
		return err
	}
	if err := checkItem(item, Entries{}.Capabilities()); err != nil {
		return err
	}
	if key.Service != e.service {
		return source.WrongService(e.path)
	}
	return checkEntryText(item.Value)
}

// checkEntryText refuses what would not come back byte for byte, or would make
// the whole file nest too deep.
func checkEntryText(v store.Value) (err error) {
	v.View(func(b []byte) {
		if b[0] != '{' || b[len(b)-1] != '}' {
			err = &store.Error{Class: store.ErrInvalid, Detail: "white space around an entry would not be kept", Remedy: "leave it out"}
			return
		}
		if wrapped := append([]byte(`{"":`), b...); jsontext.TooDeep(wrapped) {
			err = &store.Error{Class: store.ErrInvalid, Detail: "the value would not fit: " + jsontext.ErrTooDeep.Error(), Remedy: "flatten it"}
		}
	})
	return err
}

// editing makes a new text of an object. It gets the index of the entry that is
// meant, or -1.
type editing func(o object, i int) ([]byte, error)

// change edits the file under Codex's locks if the condition holds for the
// entry. An edit that leaves no entry removes the file, as Codex does. What can
// be refused is refused before a lock file is made.
func (e *entries) change(ctx context.Context, key store.Key, cond store.Condition, edit editing) error {
	if text, _, err := e.edited(ctx, key, cond, edit); err != nil {
		return err
	} else {
		clear(text)
	}
	if err := codexlock.MakeHome(e.home); err != nil {
		return err
	}
	if err := codexlock.MakeEntryLocks(e.home); err != nil {
		return err
	}
	return codexlock.With(ctx, codexlock.Entry(e.home, key.Account, codexlock.CredentialsFile), func(ctx context.Context) error {
		text, missing, err := e.edited(ctx, key, cond, edit)
		if err != nil {
			return err
		}
		defer clear(text)
		return e.place(ctx, text, missing)
	})
}

// edited returns what the file should become, and whether there is no file yet.
func (e *entries) edited(ctx context.Context, key store.Key, cond store.Condition, edit editing) (text []byte, missing bool, err error) {
	o, i, err := e.find(ctx, key)
	if err != nil {
		return nil, false, err
	}
	defer clear(o.text)
	var rev store.Revision
	if i >= 0 {
		rev = entryRevision(key, o.members[i].value.of(o.text))
	}
	if !cond.Holds(i >= 0, rev) {
		return nil, false, source.Conflict(cond)
	}
	if missing = o.text == nil; missing {
		o.text = []byte("{}")
	}
	text, err = edit(o, i)
	return text, missing, err
}

func (e *entries) place(ctx context.Context, text []byte, missing bool) error {
	o, err := parseObject(text)
	if err != nil { // cannot be: a value was checked, and the rest was read
		return &store.Error{Class: store.ErrInvalid, Store: e.path, Detail: "the file would be damaged: " + err.Error()}
	}
	if len(o.members) == 0 {
		return durable.Remove(ctx, e.path)
	}
	_, err = e.write(ctx, text, missing)
	return err
}

func (e *entries) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return e.At(e.delete(ctx, key, cond), "delete", key)
}

func (e *entries) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := e.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	return e.change(ctx, key, cond, func(o object, i int) ([]byte, error) {
		if i < 0 {
			return nil, source.NothingThere(cond, e.path)
		}
		return o.without(i), nil
	})
}

func (e *entries) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := e.Usable(ctx); err != nil {
		return nil, e.At(err, "list", store.Key{})
	}
	if service != "" && service != e.service {
		return nil, nil
	}
	o, _, err := e.stamped(ctx)
	if err != nil {
		return nil, e.At(err, "list", store.Key{})
	}
	defer clear(o.text)
	all, err := e.entries(o)
	return all, e.At(err, "list", store.Key{})
}

// entries names the members. One that is there twice is named once and without
// a revision: reading it will say that it is ambiguous.
func (e *entries) entries(o object) ([]store.Entry, error) {
	var all []store.Entry
	at := map[string]int{}
	for _, m := range o.members {
		key := store.Key{Service: e.service, Account: o.nameOf(m)}
		if err := store.CheckKey(key); err != nil {
			return nil, &store.Error{Class: store.ErrCorrupt, Store: e.path, Detail: "an entry's name is no account", Err: err,
				Remedy: "remove that entry"}
		}
		if i, twice := at[key.Account]; twice {
			all[i].Revision = ""
			continue
		}
		at[key.Account] = len(all)
		all = append(all, store.Entry{Key: key, Revision: entryRevision(key, m.value.of(o.text))})
	}
	return all, nil
}
