package secretservice

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// Collections returns all collections, locked ones too.
func (c *Conn) Collections(ctx context.Context) ([]Collection, error) {
	var out []Collection
	err := c.with(ctx, func(p *peer) error {
		var all dbus.Variant
		err := p.at(servicePath).call(ctx, reads, propertiesIface+"Get", []any{"org.freedesktop.Secret.Service", "Collections"}, &all)
		if err != nil {
			return err
		}
		paths, ok := all.Value().([]dbus.ObjectPath)
		if !ok {
			return corrupt("the keyring does not say which collections there are")
		}
		out = nil
		for _, path := range paths {
			out = append(out, Collection{string(path), p.name})
		}
		return nil
	})
	return out, err
}
