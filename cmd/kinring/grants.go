package main

import (
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/policy"
)

// grants is a file of grants that is read again when it has changed.
type grants struct {
	file   string
	logger *slog.Logger

	mu     sync.Mutex
	now    policy.Policy
	seen   fs.FileInfo
	looked time.Time
}

// lookAgain is how soon a changed file of grants is seen.
const lookAgain = time.Second

// openGrants reads a file of grants. One that cannot be read, or that others may
// write to, is refused.
func openGrants(file string, logger *slog.Logger) (*grants, error) {
	g := &grants{file: file, logger: logger}
	p, info, err := readGrants(file)
	if err != nil {
		return nil, err
	}
	g.now, g.seen, g.looked = p, info, time.Now()
	return g, nil
}

func readGrants(file string) (policy.Policy, fs.FileInfo, error) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		return policy.Policy{}, nil, &kinring.Error{Class: kinring.ErrDenied, Op: "grants", Store: file, Detail: "others may write to the file", Remedy: "chmod go-w " + file}
	}
	var data []byte
	if err == nil {
		data, err = readBounded(file)
	}
	if err != nil {
		return policy.Policy{}, nil, &kinring.Error{Class: kinring.ErrInvalid, Op: "grants", Store: file, Err: err, Remedy: "name a readable file"}
	}
	p, err := policy.Parse(file, data)
	return p, info, err
}

// policy returns the grants as the file has them. A file that has become
// unreadable grants nothing: what it was to take back would otherwise stay.
func (g *grants) policy() policy.Policy {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.looked) < lookAgain {
		return g.now
	}
	g.looked = now
	if info, err := os.Stat(g.file); err == nil && g.seen != nil && os.SameFile(info, g.seen) && info.ModTime().Equal(g.seen.ModTime()) && info.Size() == g.seen.Size() {
		return g.now
	}
	p, info, err := readGrants(g.file)
	if err != nil {
		g.logger.Error("broker: the grants cannot be read: nothing is granted", slog.String("error", err.Error()))
	}
	g.now, g.seen = p, info
	return p
}
