package broker

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"os"
	"slices"
	"time"

	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// methods is what a client may ask for. It is filled here, because the methods
// refer to it.
var methods map[string]method

func init() {
	methods = map[string]method{
		wire.MethodHello: {always: true, serve: (*call).hello},
		wire.MethodProve: {always: true, serve: (*call).prove},
		wire.MethodPing:  {always: true, serve: (*call).ping},

		wire.MethodGet:         {serve: (*call).get},
		wire.MethodSet:         {serve: (*call).set},
		wire.MethodDelete:      {serve: (*call).delete},
		wire.MethodList:        {serve: (*call).list},
		wire.MethodStatus:      {serve: (*call).status},
		wire.MethodRejected:    {serve: (*call).rejected},
		wire.MethodMigrate:     {right: policy.Migrate, waits: true, serve: (*call).migrate},
		wire.MethodUpdateBegin: {waits: true, serve: (*call).updateBegin},
		wire.MethodUpdateEnd:   {serve: (*call).updateEnd},
		wire.MethodWatch:       {serve: (*call).watch},
		wire.MethodUnwatch:     {serve: (*call).unwatch},

		wire.MethodStoreOpen:   {right: policy.Store, serve: (*call).storeOpen},
		wire.MethodStoreGet:    {right: policy.Store, serve: (*call).storeGet},
		wire.MethodStorePut:    {right: policy.Store, serve: (*call).storePut},
		wire.MethodStoreDelete: {right: policy.Store, serve: (*call).storeDelete},
		wire.MethodStoreList:   {right: policy.Store, serve: (*call).storeList},
		wire.MethodStorePrint:  {right: policy.Store, serve: (*call).storePrint},
		wire.MethodLeaseHold:   {right: policy.Store, waits: true, serve: (*call).leaseHold},
		wire.MethodLeaseBegin:  {right: policy.Store, serve: (*call).leaseBegin},
		wire.MethodLeaseEnd:    {right: policy.Store, serve: (*call).leaseEnd},

		wire.MethodServe:    {right: policy.Legacy, serve: (*call).serveLegacy},
		wire.MethodBroker:   {right: policy.Admin, serve: (*call).brokerStatus},
		wire.MethodUnlock:   {right: policy.Admin, serve: (*call).unlock},
		wire.MethodLock:     {right: policy.Admin, serve: (*call).lock},
		wire.MethodShutdown: {right: policy.Admin, serve: (*call).shutdown},
	}
}

// nothing is the answer of what has no answer but that it is done.
type nothing struct{}

// nonceSize is the length of a nonce in bytes.
const nonceSize = 16

func (c *call) hello() (any, error) {
	var p wire.Hello
	if err := c.read(&p); err != nil {
		return nil, err
	}
	family := c.s.ring.Family().Name
	switch {
	case c.greeted.Load():
		return nil, wire.Refuse(wire.CodeInvalidRequest, "hello was said before", "say it once")
	case !slices.Contains(p.Versions, wire.Version):
		return nil, &store.Error{Class: store.ErrUnsupported, Op: "hello", Store: "broker", Detail: "the broker speaks version 1 of the protocol",
			Remedy: "update the older one of the two programs"}
	case p.Family != "" && p.Family != family:
		return nil, &store.Error{Class: store.ErrConflict, Op: "hello", Store: "broker",
			Detail: "the broker serves the family " + family + ", not " + visible(p.Family), Remedy: "use that family's broker"}
	case !c.subject.Owner:
		return nil, c.may(policy.Get, store.Key{}, "") // denied, and on record
	}
	w := wire.Welcome{Version: wire.Version, Server: c.s.Version, Family: family, Rights: c.rights(),
		Limits: c.s.Limits.wire()}
	if c.peer.Proves() {
		w.Nonce = newNonce()
	}
	c.mu.Lock()
	c.client, c.nonce = clip(p.Client), w.Nonce
	c.mu.Unlock()
	c.proven.Store(w.Nonce == "")
	c.greeted.Store(true)
	return w, nil
}

// rights are what the client may do at least with some keys.
func (c *call) rights() []string {
	out := []string{}
	p, now := c.s.Policy(), time.Now()
	for _, r := range policy.Rights() {
		if p.Any(c.subject, r, now) {
			out = append(out, string(r))
		}
	}
	return out
}

// clip keeps a label short and on its line.
func clip(s string) string {
	const most = 64
	r := []rune(s)
	if len(r) > most {
		r = r[:most]
	}
	for i := range r {
		if r[i] < ' ' || r[i] == 0x7f {
			r[i] = '?'
		}
	}
	return string(r)
}

func newNonce() string {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // it never fails: crypto/rand says so
	return hex.EncodeToString(b)
}

// prove takes the nonce back and looks at the peer again: had it become another
// program since it connected, the identity would not be the same any more.
func (c *call) prove() (any, error) {
	var p wire.Prove
	if err := c.read(&p); err != nil {
		return nil, err
	}
	c.mu.Lock()
	nonce := c.nonce
	c.nonce = ""
	c.mu.Unlock()
	if nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(p.Nonce)) != 1 {
		return nil, wire.Refuse(wire.CodeInvalidRequest, "that is not the nonce", "give back what hello returned, once")
	}
	if err := c.peer.Prove(); err != nil {
		c.drain()
		return nil, &store.Error{Class: store.ErrDenied, Op: "prove", Store: "broker", Detail: err.Error(), Remedy: "connect again"}
	}
	c.proven.Store(true)
	return nothing{}, nil
}

func (c *call) ping() (any, error) { return nothing{}, nil }

func (c *call) brokerStatus() (any, error) {
	s := c.s
	st := wire.BrokerStatus{Version: s.Version, PID: os.Getpid(), Family: s.ring.Family().Name, Store: wire.FromInfo(s.backing.Info()),
		Locked: s.backing.Locked(), Uptime: int(time.Since(s.started) / time.Second),
		Requests: s.requests.Load(), Denied: s.denied.Load(), Peers: []wire.PeerInfo{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Connections = len(s.conns)
	for other := range s.conns {
		id := other.peer.Identity()
		other.mu.Lock()
		st.Peers = append(st.Peers, wire.PeerInfo{PID: id.PID, Label: id.Label, Client: other.client})
		other.mu.Unlock()
	}
	slices.SortFunc(st.Peers, func(a, b wire.PeerInfo) int { return a.PID - b.PID })
	return st, nil
}

// longestUnlock is the longest time in seconds: a year, as everywhere.
const longestUnlock = 366 * 24 * 60 * 60

func (c *call) unlock() (any, error) {
	var p wire.Unlock
	if err := c.read(&p); err != nil {
		return nil, err
	}
	defer p.Passphrase.Wipe()
	if c.s.Unlock == nil {
		return nil, &store.Error{Class: store.ErrUnsupported, Op: "unlock", Store: "broker",
			Detail: "this broker's store is not opened by a passphrase", Remedy: "unlock the store itself"}
	}
	if p.Seconds < 0 || p.Seconds > longestUnlock {
		return nil, wire.Refuse(wire.CodeInvalidParams, "the time is negative or longer than a year", "give seconds, or 0 for until lock")
	}
	return nothing{}, c.s.Unlock(p.Passphrase, time.Duration(p.Seconds)*time.Second)
}

// lock forgets what opens the store before it closes it, so that nothing opens it
// again in between.
func (c *call) lock() (any, error) {
	if c.s.Forget != nil {
		c.s.Forget()
	}
	return nothing{}, c.s.backing.Lock()
}

// shutdown answers, and then ends Serve.
func (c *call) shutdown() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.stop()
	return nothing{}, nil
}
