package coexist

import "github.com/kinring/kinring/store"

// batch makes reading many keys cheap where a source can, until end is called.
func (e *Engine) batch() (end func()) {
	var ends []func()
	for _, src := range e.Sources {
		if b, ok := src.Store.(store.Batcher); ok {
			ends = append(ends, b.Batch())
		}
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}
