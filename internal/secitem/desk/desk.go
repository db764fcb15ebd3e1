// Package desk lets programs in several processes use one emulated Mac, as real
// ones share securityd: the process that has the Mac serves it on a socket, the
// others dial. It is for tests.
package desk

import (
	"encoding/gob"
	"errors"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/secitem"
)

func init() {
	for _, v := range []any{secitem.Constant(""), secitem.Null{}, time.Time{}, []byte{}, []any{}, map[string]any{}, "", int64(0), false} {
		gob.Register(v)
	}
}

// Open serves a program's view of a Mac on a socket of its own. done closes it.
func Open(m secitem.Mac) (socket string, done func(), err error) {
	dir, err := os.MkdirTemp("", "desk") // short: the paths of sockets may not be long
	if err != nil {
		return "", nil, err
	}
	socket = filepath.Join(dir, "mac")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	go Serve(l, m)
	return socket, func() { _, _ = l.Close(), os.RemoveAll(dir) }, nil
}

// Share serves a program's view of a Mac for as long as a test runs, and returns
// the socket.
func Share(t testing.TB, m secitem.Mac) string {
	t.Helper()
	socket, done, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	return socket
}

// Serve serves a program's view of a Mac to whoever dials, until the listener is
// closed.
func Serve(l net.Listener, m secitem.Mac) {
	s := rpc.NewServer()
	if err := s.RegisterName("Mac", &Desk{m}); err != nil {
		panic(err) // its methods are part of this program
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go s.ServeConn(conn)
	}
}

// Desk is what travels. Its methods have the form that net/rpc asks for.
type Desk struct{ mac secitem.Mac }

// Question is the arguments of any call.
type Question struct {
	Dict, Changes secitem.Dict
	Name          string
	Allowed       bool
}

// Reply is the answer of any call.
type Reply struct {
	Status   secitem.Status
	Other    string // an error that is no Status
	Items    []item
	Any      []any // one value, or none
	Identity secitem.Identity
	State    secitem.KeychainState
	Bool     bool
}

// item says of an empty value, or empty attributes, that they are there: gob does
// not.
type item struct {
	secitem.Item
	HasData, HasAttributes bool
}

func (i item) whole() secitem.Item {
	if i.HasData && i.Data == nil {
		i.Data = []byte{}
	}
	if i.HasAttributes && i.Attributes == nil {
		i.Attributes = secitem.Dict{}
	}
	return i.Item
}

func (r *Reply) fail(err error) {
	if s, ok := secitem.StatusOf(err); ok {
		r.Status = s
	} else if err != nil {
		r.Other = err.Error()
	}
}

func (r *Reply) err() error {
	switch {
	case r.Status != 0:
		return r.Status
	case r.Other != "":
		return errors.New(r.Other)
	}
	return nil
}

// Add serves secitem.Table.
func (d *Desk) Add(q Question, r *Reply) error {
	r.fail(d.mac.Add(q.Dict))
	return nil
}

// CopyMatching serves secitem.Table.
func (d *Desk) CopyMatching(q Question, r *Reply) error {
	items, err := d.mac.CopyMatching(q.Dict)
	for _, i := range items {
		r.Items = append(r.Items, item{i, i.Data != nil, i.Attributes != nil})
	}
	r.fail(err)
	return nil
}

// Update serves secitem.Table.
func (d *Desk) Update(q Question, r *Reply) error {
	r.fail(d.mac.Update(q.Dict, q.Changes))
	return nil
}

// Delete serves secitem.Table.
func (d *Desk) Delete(q Question, r *Reply) error {
	r.fail(d.mac.Delete(q.Dict))
	return nil
}

// Entitlement serves secitem.Self.
func (d *Desk) Entitlement(q Question, r *Reply) error {
	v, err := d.mac.Entitlement(q.Name)
	if v != nil {
		r.Any = []any{v}
	}
	r.fail(err)
	return nil
}

// Identify serves secitem.Self.
func (d *Desk) Identify(_ Question, r *Reply) (err error) {
	r.Identity, err = d.mac.Identity()
	r.fail(err)
	return nil
}

// Graphic serves secitem.Session.
func (d *Desk) Graphic(_ Question, r *Reply) (err error) {
	r.Bool, err = d.mac.Graphic()
	r.fail(err)
	return nil
}

// LoginKeychain serves secitem.Session.
func (d *Desk) LoginKeychain(_ Question, r *Reply) (err error) {
	r.State, err = d.mac.LoginKeychain()
	r.fail(err)
	return nil
}

// SetInteraction serves secitem.Session.
func (d *Desk) SetInteraction(q Question, r *Reply) (err error) {
	r.Bool, err = d.mac.SetInteraction(q.Allowed)
	r.fail(err)
	return nil
}

// Dial returns the Mac that is served at the socket.
func Dial(path string) (secitem.Mac, error) {
	c, err := rpc.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &client{c}, nil
}

type client struct{ rpc *rpc.Client }

// call makes one call. A connection that broke is the service that went away.
func (c *client) call(name string, q Question) (Reply, error) {
	var r Reply
	if err := c.rpc.Call("Mac."+name, q, &r); err != nil {
		return r, secitem.ErrNotAvailable
	}
	return r, r.err()
}

func (c *client) Add(d secitem.Dict) error {
	_, err := c.call("Add", Question{Dict: d})
	return err
}

func (c *client) CopyMatching(d secitem.Dict) ([]secitem.Item, error) {
	r, err := c.call("CopyMatching", Question{Dict: d})
	var items []secitem.Item
	for _, i := range r.Items {
		items = append(items, i.whole())
	}
	return items, err
}

func (c *client) Update(d, changes secitem.Dict) error {
	_, err := c.call("Update", Question{Dict: d, Changes: changes})
	return err
}

func (c *client) Delete(d secitem.Dict) error {
	_, err := c.call("Delete", Question{Dict: d})
	return err
}

func (c *client) Entitlement(name string) (any, error) {
	r, err := c.call("Entitlement", Question{Name: name})
	if len(r.Any) == 0 {
		return nil, err
	}
	return r.Any[0], err
}

func (c *client) Identity() (secitem.Identity, error) {
	r, err := c.call("Identify", Question{})
	return r.Identity, err
}

func (c *client) Graphic() (bool, error) {
	r, err := c.call("Graphic", Question{})
	return r.Bool, err
}

func (c *client) LoginKeychain() (secitem.KeychainState, error) {
	r, err := c.call("LoginKeychain", Question{})
	return r.State, err
}

func (c *client) SetInteraction(allowed bool) (bool, error) {
	r, err := c.call("SetInteraction", Question{Allowed: allowed})
	return r.Bool, err
}
