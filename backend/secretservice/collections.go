package secretservice

import "context"

// Collections returns all collections, locked ones too.
func (c *Conn) Collections(ctx context.Context) ([]Collection, error) {
	var out []Collection
	err := c.with(ctx, func(p *peer) error {
		paths, err := p.collections(ctx)
		if err != nil {
			return err
		}
		out = nil
		for _, path := range paths {
			out = append(out, Collection{string(path), p.name})
		}
		return nil
	})
	return out, err
}
