package broker

import (
	"log/slog"
	"time"

	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// owns reports whether a peer runs as the user whose broker this is.
func owns(id peer.Identity) bool { return id.UID == uid || id.Inherited }

// stranger refuses a program of another user, which is heard no further: it takes
// no place from others. The caller holds the lock.
func (s *Server) stranger(id peer.Identity) *wire.Error {
	s.denied.Add(1)
	const reason = "the caller is another user"
	if s.strangers.Take(time.Now()) == 0 {
		s.Logger.Warn("broker: decision", slog.Bool("allowed", false), slog.Int("pid", id.PID), slog.Int("uid", id.UID),
			slog.String("program", id.Label), slog.String("reason", reason))
	}
	return wire.FromError(&store.Error{Class: store.ErrDenied, Op: "connect", Store: "broker", Detail: reason, Remedy: "use a broker of your own"})
}
