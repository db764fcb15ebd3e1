package kinring

import (
	"sync"

	"github.com/kinring/kinring/store"
)

// stamps remembers what each legacy source looked like when it was last
// compared.
type stamps struct {
	mu sync.Mutex
	m  map[stampKey]string
}

type stampKey struct {
	key    store.Key
	source string
}

func (s *stamps) Noted(key store.Key, source string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[stampKey{key, source}]
}

func (s *stamps) Note(key store.Key, source, stamp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[stampKey]string{}
	}
	s.m[stampKey{key, source}] = stamp
}

// forget drops all: what was compared, was compared with another store.
func (s *stamps) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m = nil
}
