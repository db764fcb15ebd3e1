package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/broker/client"
)

// handed is what opens a broker's vault for a while: the passphrase that a client
// has handed over, or what unlock left with the system. The broker keeps the vault
// open, and closes it when the time is over.
type handed struct {
	lock func() error // closes the vault

	mu         sync.Mutex
	passphrase []byte
	end        *time.Timer
	turn       int // counts what was handed over
	look       *time.Timer
}

// lookAtHeld is how soon the end of the system's time is seen.
const lookAtHeld = time.Second

// held is what unlock left with the system, as a source of keys.
func (h *handed) held() vault.KeySource {
	if h == nil {
		return vault.Held()
	}
	return vault.HeldWhile(h.follow)
}

// follow closes the vault when the time is over for which it could be opened.
func (h *handed) follow(still func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.look != nil {
		h.look.Stop() // of the same vault, opened before
	}
	var look *time.Timer
	look = time.AfterFunc(lookAtHeld, func() {
		if still() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.look == look {
				look.Reset(lookAtHeld)
			}
			return
		}
		_ = h.lock() // what cannot be closed is of no use either
	})
	h.look = look
}

// sources returns the passphrase as a source of keys, for brokers.
func (h *handed) sources() []vault.KeySource {
	if h == nil {
		return nil
	}
	return []vault.KeySource{vault.Passphrase(func(context.Context) ([]byte, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.passphrase) == 0 {
			return nil, &kinring.Error{Class: kinring.ErrLocked, Detail: "the broker is locked", Remedy: "unlock it: kinring unlock"}
		}
		return bytes.Clone(h.passphrase), nil // the copy is overwritten after use
	})}
}

// keep takes the passphrase if it opens the vault, and forgets it after the time,
// with what it opened; 0 means never.
func (h *handed) keep(path string, passphrase []byte, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), kinring.UpdateBudget)
	defer cancel()
	tried, err := vault.Open(ctx, vault.Options{Path: path, Keys: []vault.KeySource{
		vault.Passphrase(func(context.Context) ([]byte, error) { return bytes.Clone(passphrase), nil }),
	}})
	if err != nil {
		return err
	}
	if err := tried.Close(); err != nil {
		return err
	}
	h.take(passphrase, d)
	return nil
}

// take takes the passphrase in place of the one before.
func (h *handed) take(passphrase []byte, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wipe()
	h.passphrase = bytes.Clone(passphrase)
	h.turn++
	if turn := h.turn; d > 0 {
		h.end = time.AfterFunc(d, func() {
			if h.over(turn) {
				_ = h.lock() // what cannot be closed is of no use either
			}
		})
	}
}

// over forgets the passphrase whose time is over, unless another one has taken its
// place meanwhile.
func (h *handed) over(turn int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.turn != turn {
		return false
	}
	h.wipe()
	return true
}

// forget overwrites the passphrase. The vault is being closed.
func (h *handed) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wipe()
	if h.look != nil {
		h.look.Stop()
		h.look = nil
	}
}

// wipe is forget for who has the lock.
func (h *handed) wipe() {
	if h.end != nil {
		h.end.Stop()
		h.end = nil
	}
	clear(h.passphrase)
	h.passphrase = nil
}

// unlockBroker hands the vault's passphrase to the family's broker.
func (a *app) unlockBroker(ctx context.Context, d time.Duration) error {
	passphrase, err := a.passphrase(ctx)
	if err != nil {
		return err
	}
	defer clear(passphrase)
	return a.withBroker(ctx, "", func(ctx context.Context, c *client.Conn, _ string) error {
		return c.Unlock(ctx, passphrase, int(d/time.Second))
	})
}

// passphrase reads the passphrase file, or asks.
func (a *app) passphrase(ctx context.Context) ([]byte, error) {
	if file := os.Getenv("KINRING_PASSPHRASE_FILE"); file != "" {
		if err := vault.ExamineSecretFile(file); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, &kinring.Error{Class: kinring.ErrLocked, Op: "unlock", Store: file, Err: err, Remedy: "name a readable file"}
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")), nil
	}
	if !a.mayAsk() {
		return nil, &kinring.Error{Class: kinring.ErrLocked, Op: "unlock", Detail: "a broker is unlocked by a passphrase, and nobody can be asked",
			Remedy: "set KINRING_PASSPHRASE_FILE, or be at a terminal"}
	}
	return askSecret(ctx, "Passphrase of the vault: ")
}

// unheld says why neither the system nor a broker holds the key.
func unheld(system, broker error) error {
	if errors.Is(broker, kinring.ErrNoService) || isUsage(broker) {
		return system
	}
	return broker
}

// lockBroker makes the family's broker forget the vault's key, if there is a family
// and it has a broker: told. was says that the broker had the vault open.
func (a *app) lockBroker(ctx context.Context) (told, was bool, err error) {
	if cmp.Or(a.profile.family, a.profile.file, os.Getenv("KINRING_FAMILY"), os.Getenv("KINRING_PROFILE")) == "" {
		return false, false, nil
	}
	err = a.withBroker(ctx, "", func(ctx context.Context, c *client.Conn, _ string) error {
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		was = !st.Locked
		return c.Lock(ctx)
	})
	if errors.Is(err, kinring.ErrNoService) {
		return false, false, nil
	}
	return err == nil, was, err
}
