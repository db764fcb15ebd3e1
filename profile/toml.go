package profile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// MaxFile is the largest profile file in bytes.
const MaxFile = 1 << 20

// document is the TOML form.
type document struct {
	Schema  int
	Name    string
	Team    string
	Group   string
	Service string
	Share   []string

	ServiceFrom   string `toml:"service_from"`
	GroupFallback string `toml:"group_fallback"`
	Development   string

	Policy struct {
		Preset       string
		Reads        coexist.Reads
		Writes       coexist.Writes
		Backfill     coexist.Backfill
		Adopt        coexist.Taking
		FastForward  coexist.Taking  `toml:"fast_forward"`
		OlderSignout coexist.Signout `toml:"older_signout"`
		BulkMigrate  coexist.Bulk    `toml:"bulk_migrate"`
	}
	Vars map[string]Var
	Key  []struct {
		Alias, Account, Service, Value, Env, Escape string
		Rotates                                     bool
	}
	Legacy []Legacy
}

// Parse reads a profile in TOML. file names it in errors.
func Parse(file string, data []byte) (Profile, error) {
	if len(data) > MaxFile {
		return Profile{}, &store.Error{Class: store.ErrTooLarge, Op: "profile", Store: file,
			Detail: fmt.Sprintf("it has %d bytes", len(data)), Remedy: fmt.Sprintf("use at most %d", MaxFile)}
	}
	var d document
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Profile{}, tomlError(file, err)
	}
	if d.Schema != Schema {
		return Profile{}, &store.Error{Class: store.ErrInvalid, Op: "profile", Store: file,
			Detail: fmt.Sprintf("schema is %d", d.Schema),
			Remedy: fmt.Sprintf("this build reads schema = %d", Schema)}
	}
	p, err := d.profile()
	if err == nil {
		err = p.Check()
	}
	return p, store.At(err, "profile", file, store.Key{})
}

func (d document) profile() (Profile, error) {
	p := Profile{
		Name: d.Name, Team: d.Team, Group: d.Group, Service: d.Service, Share: d.Share,
		GroupFallback: d.GroupFallback, Development: d.Development, ServiceFrom: d.ServiceFrom,
		Policy: Policy(d.Policy), Vars: d.Vars, Keys: map[string]Key{}, Legacy: d.Legacy,
	}
	for _, k := range d.Key {
		if _, twice := p.Keys[k.Alias]; twice {
			return p, invalid(fmt.Sprintf("key %q", k.Alias), "two keys have this alias", "give one of them another alias")
		}
		p.Keys[k.Alias] = Key{Account: k.Account, Service: k.Service, Value: k.Value, Rotates: k.Rotates, Env: k.Env, Escape: k.Escape}
	}
	return p, nil
}

// tomlError says in which line of which file the mistake is.
func tomlError(file string, err error) error {
	e := &store.Error{Class: store.ErrInvalid, Op: "profile", Store: file, Detail: err.Error(),
		Remedy: "correct the file"}
	var missing *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		first := missing.Errors[0]
		row, _ := first.Position()
		e.Detail = fmt.Sprintf("line %d: the key %q is unknown", row, strings.Join(first.Key(), "."))
		e.Remedy = "correct its name or remove it"
	case errors.As(err, &decode):
		row, column := decode.Position()
		e.Detail = fmt.Sprintf("line %d, column %d: %s", row, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return e
}
