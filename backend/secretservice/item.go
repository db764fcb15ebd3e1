package secretservice

import (
	"context"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// Item is one item, as a search found it.
type Item struct {
	// Path is the D-Bus path. It names the item as long as the provider runs.
	Path string
	// Locked says whether it was locked when it was found: its secret cannot be
	// read, and some providers show digests in the place of its attributes.
	Locked bool
	owner  string
}

// Secret is what an item holds.
type Secret struct {
	Value store.Value
	// ContentType is what the writer says of it: "application/octet-stream" keeps
	// every provider from changing bytes that are not text. Not every provider
	// gives it back: gnome-keyring calls everything "text/plain".
	ContentType string
}

// Properties are what an item shows beside its secret.
type Properties struct {
	Label string
	// Attributes are what searches look for. A provider may add some of its own
	// (xdg:schema) and show digests while the item is locked: look for the ones
	// that you know, and never compare whole maps.
	Attributes map[string]string
	Locked     bool
	// Created and Modified are seconds since 1970.
	Created, Modified uint64
}

// NewItem is what an item is made from.
type NewItem struct {
	Label      string
	Attributes map[string]string
	Secret     Secret
	// Replace puts the secret into the item that has all of the attributes, if
	// there is one, and otherwise makes a new one.
	Replace bool
}

// Search returns all items of all collections, locked ones too, that have at
// least the attributes.
func (c *Conn) Search(ctx context.Context, attributes map[string]string) ([]Item, error) {
	var out []Item
	err := c.with(ctx, func(p *peer) (err error) {
		out, err = p.search(ctx, attributes)
		return err
	})
	return out, err
}

func (p *peer) search(ctx context.Context, attributes map[string]string) ([]Item, error) {
	if err := p.searchable(ctx); err != nil {
		return nil, err
	}
	var unlocked, locked []dbus.ObjectPath
	err := p.ask(ctx, serviceIface+"SearchItems", []any{attributes}, &unlocked, &locked)
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, path := range unlocked {
		out = append(out, Item{Path: string(path), owner: p.name})
	}
	for _, path := range locked {
		out = append(out, Item{Path: string(path), Locked: true, owner: p.name})
	}
	return out, nil
}

// searchable refuses a search that would ask for a password, as KeePassXC's does
// while its database is locked, where nobody may be asked.
func (p *peer) searchable(ctx context.Context) error {
	kind, err := p.kind(ctx)
	if err != nil || kind != keepassxc || mayAsk(ctx) {
		return err
	}
	return p.unlockedAll(ctx)
}

// unlockedAll reports a locked collection as ErrLocked.
func (p *peer) unlockedAll(ctx context.Context) error {
	all, err := p.collections(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		switch is, err := p.isLocked(ctx, c); {
		case err != nil:
			return err
		case is:
			return hiding(c)
		}
	}
	return nil
}

// Secret reads an item's secret. An item that is gone is ErrNotFound.
//
// Where a person may be asked, a locked item is unlocked first.
func (c *Conn) Secret(ctx context.Context, item Item) (Secret, error) {
	var out Secret
	err := c.on(ctx, item.owner, func(p *peer) (err error) {
		if err := c.ready(ctx, p, item); err != nil {
			return err
		}
		out, err = p.secretOf(ctx, dbus.ObjectPath(item.Path))
		return err
	})
	return out, err
}

func (p *peer) secret(ctx context.Context, path dbus.ObjectPath) (Secret, error) {
	var out Secret
	err := p.inSession(ctx, func(s *session) error {
		var w wireSecret
		if err := p.at(path).call(ctx, reads, itemIface+"GetSecret", []any{s.path}, &w); err != nil {
			return err
		}
		value, err := s.open(w)
		out = Secret{value, w.ContentType}
		return err
	})
	return out, err
}

// secretOf tells an empty secret from one that cannot be read: KWallet returns an
// empty one for a locked item, without an error.
func (p *peer) secretOf(ctx context.Context, path dbus.ObjectPath) (Secret, error) {
	out, err := p.secret(ctx, path)
	if err != nil || out.Value.Len() > 0 {
		return out, err
	}
	properties, err := p.properties(ctx, path)
	if err == nil && properties.Locked {
		err = locked(nil)
	}
	return out, err
}

// Properties reads what an item shows beside its secret. An item that is gone
// is ErrNotFound.
func (c *Conn) Properties(ctx context.Context, item Item) (Properties, error) {
	var out Properties
	err := c.on(ctx, item.owner, func(p *peer) (err error) {
		out, err = p.properties(ctx, dbus.ObjectPath(item.Path))
		return err
	})
	return out, err
}

func (p *peer) properties(ctx context.Context, path dbus.ObjectPath) (Properties, error) {
	all := map[string]dbus.Variant{}
	err := p.at(path).call(ctx, reads, propertiesIface+"GetAll", []any{"org.freedesktop.Secret.Item"}, &all)
	if err != nil {
		return Properties{}, err
	}
	var out Properties
	var typed [3]bool
	out.Label, typed[0] = all["Label"].Value().(string)
	out.Attributes, typed[1] = all["Attributes"].Value().(map[string]string)
	out.Locked, typed[2] = all["Locked"].Value().(bool)
	if typed != [3]bool{true, true, true} {
		return Properties{}, corrupt("the keyring does not say what an item's properties are")
	}
	out.Created, _ = all["Created"].Value().(uint64) // 0 where the provider keeps no times
	out.Modified, _ = all["Modified"].Value().(uint64)
	return out, nil
}

// attributes are those of Properties alone.
func (p *peer) attributes(ctx context.Context, path dbus.ObjectPath) (map[string]string, error) {
	var v dbus.Variant
	err := p.at(path).call(ctx, reads, propertiesIface+"Get", []any{"org.freedesktop.Secret.Item", "Attributes"}, &v)
	if err != nil {
		return nil, err
	}
	shown, ok := v.Value().(map[string]string)
	if !ok {
		return nil, corrupt("the keyring does not say what an item's attributes are")
	}
	return shown, nil
}

// Create makes an item in a collection, or, where the new item says Replace,
// gives its secret to the one that is there.
//
// Where a person may be asked, a locked collection is unlocked first.
func (c *Conn) Create(ctx context.Context, collection Collection, item NewItem) (Item, error) {
	var out Item
	err := c.on(ctx, collection.owner, func(p *peer) error {
		path, err := c.create(ctx, p, dbus.ObjectPath(collection.Path), item)
		out = Item{Path: string(path), owner: p.name}
		return err
	})
	return out, err
}

func (c *Conn) create(ctx context.Context, p *peer, collection dbus.ObjectPath, item NewItem) (dbus.ObjectPath, error) {
	var path, prompt dbus.ObjectPath
	properties := map[string]dbus.Variant{
		itemIface + "Label":      dbus.MakeVariant(item.Label),
		itemIface + "Attributes": dbus.MakeVariant(item.Attributes),
	}
	err := c.unlockingFirst(ctx, p, collection, func() error {
		return p.inSession(ctx, func(s *session) error {
			w, err := s.seal(item.Secret.Value, item.Secret.ContentType)
			if err != nil {
				return err
			}
			return p.at(collection).call(ctx, writes, collectionIface+"CreateItem", []any{properties, w, item.Replace}, &path, &prompt)
		})
	})
	if err != nil || !exists(prompt) {
		return path, standing(err)
	}
	result, err := c.prompt(creating(ctx, p, item), p, prompt, writes)
	if err != nil {
		return none, err
	}
	made, ok := result.Value().(dbus.ObjectPath)
	if !ok || !exists(made) {
		return none, unknown(nil)
	}
	return made, nil
}

// creating is the context of the prompt that makes an item. KeePassXC makes every
// item by a prompt, which asks nobody unless another's item is replaced.
func creating(ctx context.Context, p *peer, item NewItem) context.Context {
	if kind, err := p.kind(ctx); err == nil && kind == keepassxc && !item.Replace {
		return store.WithInteraction(ctx, store.Always)
	}
	return ctx
}

// SetSecret gives an item another secret and leaves its attributes and label as
// they are. An item that is gone is ErrNotFound.
func (c *Conn) SetSecret(ctx context.Context, item Item, secret Secret) error {
	return c.on(ctx, item.owner, func(p *peer) error {
		path := dbus.ObjectPath(item.Path)
		if err := c.ready(ctx, p, item); err != nil {
			return err
		}
		return c.unlockingFirst(ctx, p, path, func() error {
			return p.inSession(ctx, func(s *session) error {
				w, err := s.seal(secret.Value, secret.ContentType)
				if err != nil {
					return err
				}
				return p.at(path).call(ctx, writes, itemIface+"SetSecret", []any{w})
			})
		})
	})
}

// Delete removes an item. One that is gone already is ErrNotFound.
func (c *Conn) Delete(ctx context.Context, item Item) error {
	return c.on(ctx, item.owner, func(p *peer) error {
		if err := c.ready(ctx, p, item); err != nil {
			return err
		}
		return c.remove(ctx, p, dbus.ObjectPath(item.Path))
	})
}

// ready unlocks an item that was found locked.
func (c *Conn) ready(ctx context.Context, p *peer, item Item) error {
	if !item.Locked {
		return nil
	}
	return c.unlock(ctx, p, []string{item.Path})
}

func (c *Conn) remove(ctx context.Context, p *peer, path dbus.ObjectPath) error {
	var prompt dbus.ObjectPath
	err := c.unlockingFirst(ctx, p, path, func() error {
		return p.at(path).call(ctx, writes, itemIface+"Delete", nil, &prompt)
	})
	if err == nil && exists(prompt) {
		_, err = c.prompt(ctx, p, prompt, writes)
	}
	return err
}

// unlockingFirst makes a call, and once more after a person has unlocked what it
// is about.
func (c *Conn) unlockingFirst(ctx context.Context, p *peer, path dbus.ObjectPath, call func() error) error {
	err := call()
	if native(err) != isLocked || !mayAsk(ctx) {
		return err
	}
	if err := c.unlock(ctx, p, []string{string(path)}); err != nil {
		return err
	}
	return call()
}
