package coexist

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/kinring/kinring/store"
)

// printer makes fingerprints. One without a key makes none: every comparison
// with it is "unknown", and nothing is taken over on such grounds.
type printer struct {
	id  string
	key []byte
}

// Sizes of what goes into a record, which has 200 bytes for all of it.
const (
	keyIDBytes       = 4  // tells key changes apart, guards nothing
	fingerprintBytes = 12 // 96 bits of HMAC-SHA-256: nobody without the key can aim at a collision
	printerKeyBytes  = 32
)

func newPrinter(key []byte) *printer {
	if len(key) < printerKeyBytes {
		return &printer{}
	}
	return &printer{id: hex.EncodeToString(mac(key, []byte("kinring key id"))[:keyIDBytes]), key: key}
}

// of returns the fingerprint of a value of a key. The same value under two keys
// has two fingerprints.
func (p *printer) of(key store.Key, value []byte) store.Fingerprint {
	if p.key == nil {
		return ""
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(key.Service)))
	head = append(head, key.Service...)
	head = binary.BigEndian.AppendUint32(head, uint32(len(key.Account)))
	head = append(head, key.Account...)
	sum := mac(p.key, head, value)
	return store.Fingerprint(base64.RawURLEncoding.EncodeToString(sum[:fingerprintBytes]))
}

// seen returns the fingerprint of a value as it would stand in the source, so
// that two spellings of one login count as equal.
func (p *printer) seen(key store.Key, src Source, v store.Value) store.Fingerprint {
	var fp store.Fingerprint
	v.View(func(b []byte) {
		if src.Canonical != nil {
			b = src.Canonical(b)
		}
		fp = p.of(key, b)
	})
	return fp
}

// digest returns the fingerprint of a value as it is.
func (p *printer) digest(key store.Key, v store.Value) store.Fingerprint {
	return p.seen(key, Source{}, v)
}

// recall returns what a record knows of a source, in fingerprints of this
// printer. What another key made says nothing.
func (p *printer) recall(r store.Record, source string) store.Agreement {
	a := r.Agreement(source)
	if p.key != nil && r.KeyID == p.id {
		return a
	}
	if a.Kind == store.Held || a.Pending != "" {
		return store.Agreement{Source: source}
	}
	return a
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

var fingerprintKey = store.Key{Service: reserved, Account: "fingerprint-key"}

// prints returns the engine's printer. create lets it make the key if the
// shared store has none yet; without it such a store has no fingerprints.
func (e *Engine) prints(ctx context.Context, create bool) (*printer, error) {
	if p := e.printer.Load(); p != nil {
		return p, nil
	}
	key, err := e.loadFingerprintKey(ctx, create)
	if err != nil {
		return nil, err
	}
	p := newPrinter(key)
	if p.key != nil {
		e.printer.Store(p)
	}
	return p, nil
}

func (e *Engine) loadFingerprintKey(ctx context.Context, create bool) ([]byte, error) {
	if k, ok := e.Shared.(store.FingerprintKeyer); ok {
		key, err := k.FingerprintKey(ctx)
		if !errors.Is(err, store.ErrUnsupported) {
			return key, err
		}
	}
	for {
		item, err := e.Shared.Get(ctx, fingerprintKey)
		switch {
		case err == nil:
			return item.Value.Bytes(), nil
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		case !create:
			return nil, nil
		}
		made, err := e.makeFingerprintKey(ctx)
		if err != nil || !made {
			return nil, err
		}
	}
}

// makeFingerprintKey puts a new key if there is none, and no record either: a
// key that was lost must not come back as another one, or every value would
// look as if somebody had changed it. It reports whether a key is there now.
func (e *Engine) makeFingerprintKey(ctx context.Context) (bool, error) {
	entries, err := e.Shared.List(ctx, "")
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if entry.Record.KeyID != "" {
			return false, nil
		}
	}
	key := make([]byte, printerKeyBytes)
	if err := e.Random(key); err != nil {
		return false, err
	}
	_, err = e.Shared.Put(ctx, fingerprintKey, store.Item{Value: store.NewValue(key)}, store.Absent())
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return false, err
	}
	return true, nil
}
