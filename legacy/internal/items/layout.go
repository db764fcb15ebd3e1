// Package items keeps the layouts of libraries that store each secret as an item
// of the desktop's keyring. They differ in the attributes that an item gets and
// is searched by, in which collection they look, and in what stands in the
// secret: a layout is those data, and one source serves them all.
//
// # Reading
//
// A source reads what the library itself would find, with two differences. Where
// more than one item matches, libraries take the first that comes; that is a
// guess, and store.ErrAmbiguous here. And nobody is asked to unlock anything:
// what is locked is store.ErrLocked, never absent. Nothing is changed, not even
// a time.
//
// # Writing
//
// A write gives a new secret to the item that is there, whose label and
// attributes stay as they are; where there is none it makes one as the library
// would. The Secret Service has no conditional writes, and older builds take no
// locks: they can write between the look and the act, which is why sources
// declare no atomic condition.
package items

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/store"
)

// Layout says how one library keeps secrets. Its method Open makes it a
// store.Layout together with the ones below.
type Layout struct {
	// Kind is what a profile calls the layout.
	Kind string
	// Attributes are those of a new item, and Label is its label.
	Attributes Attributes
	Label      string
	// ContentType is what a new secret is called.
	ContentType string
	// Searches are made in order, until one finds something.
	Searches []Search
	// Service is that of all keys, for a library whose items have none; empty if the
	// attributes tell.
	Service string
	// Home is the collection that a new item goes to.
	Home Place
	// Codec is what stands in an item's secret; nil means the value itself.
	Codec Codec
	// Normal brings a value into the form that fingerprints are made from; nil
	// leaves it as it is.
	Normal func([]byte) []byte
}

// Search is one way in which a library looks for an item.
type Search struct {
	Attributes Attributes
	// In is the collection that it looks in; nil means all.
	In Place
}

// Place finds a collection. It returns the zero Collection if there is none.
type Place func(ctx context.Context, conn *secretservice.Conn) (secretservice.Collection, error)

// Codec turns a value into what stands in an item's secret, and back.
type Codec interface {
	// Decode returns the value, or why the secret cannot be one of the library's.
	Decode(secret []byte) ([]byte, error)
	// Encode returns the secret that holds a value. before is the one that it
	// replaces, nil if there is none.
	Encode(key store.Key, value, before []byte) ([]byte, error)
}

// Default is the collection that the alias "default" names. A keyring that has
// been asked and has none is an answer; one that is not there is an error.
func Default(ctx context.Context, conn *secretservice.Conn) (secretservice.Collection, error) {
	c, err := conn.DefaultCollection(ctx)
	if errors.Is(err, store.ErrNoService) {
		_, err = conn.Collections(ctx)
		c = secretservice.Collection{}
	}
	return c, err
}

// Named returns a Place for the collection whose path ends so, as it is or
// escaped as providers do it; else for the alternative, which may be nil.
func Named(name string, otherwise Place) Place {
	return func(ctx context.Context, conn *secretservice.Conn) (secretservice.Collection, error) {
		all, err := conn.Collections(ctx)
		if err != nil {
			return secretservice.Collection{}, err
		}
		i := slices.IndexFunc(all, func(c secretservice.Collection) bool {
			return unescape(c.Path[strings.LastIndexByte(c.Path, '/')+1:]) == name
		})
		switch {
		case i >= 0:
			return all[i], nil
		case otherwise == nil:
			return secretservice.Collection{}, nil
		}
		return otherwise(ctx, conn)
	}
}

// unescape turns "_20" into " ": in a D-Bus path only letters, digits and
// underscores may stand, and gnome-keyring writes others so.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
			b.WriteByte(byte(hex(s[i+1])<<4 | hex(s[i+2])))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hex(c byte) int { return strings.IndexByte("0123456789abcdef", c) }

// Name returns what a profile calls the layout.
func (l Layout) Name() string { return l.Kind }

// Capabilities says what a source will promise: that items stay.
func (l Layout) Capabilities() store.Capabilities {
	return store.Capabilities{Persistent: true, Unlocks: true}
}

// Canonical returns the form of a value that fingerprints are made from.
func (l Layout) Canonical(value []byte) []byte {
	if l.Normal == nil {
		return value
	}
	return l.Normal(value)
}

// Open returns the source.
func (l Layout) Open(config store.SourceConfig) (store.Store, error) {
	return newSource(l, config), nil
}
