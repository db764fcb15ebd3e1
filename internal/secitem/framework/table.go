//go:build darwin || linux

package framework

import (
	"github.com/kinring/kinring/internal/secitem"
)

// status makes an error of an OSStatus.
func status(code int32) error {
	if code == 0 {
		return nil
	}
	return secitem.Status(code)
}

// Add is SecItemAdd. It takes no result: the login keychain would build a
// reference for it.
func (f *Framework) Add(attributes secitem.Dict) error {
	return f.with(attributes, func(_ *pool, d ref) error { return status(f.f.add(d, nil)) })
}

// Delete is SecItemDelete.
func (f *Framework) Delete(query secitem.Dict) error {
	return f.with(query, func(_ *pool, q ref) error { return status(f.f.delete(q)) })
}

// Update is SecItemUpdate.
func (f *Framework) Update(query, changes secitem.Dict) error {
	return f.with(query, func(p *pool, q ref) error {
		c, err := p.dict(changes)
		if err != nil {
			return err
		}
		return status(f.f.update(q, c))
	})
}

// CopyMatching is SecItemCopyMatching.
func (f *Framework) CopyMatching(query secitem.Dict) (items []secitem.Item, err error) {
	err = f.with(query, func(p *pool, q ref) error {
		var result ref
		code := f.f.copyMatching(q, &result)
		if result != 0 {
			p.owned = append(p.owned, result) // even with a failure
		}
		if err := status(code); err != nil {
			return err
		}
		items, err = f.items(result, asks(query))
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// with makes a dictionary for one call.
func (f *Framework) with(d secitem.Dict, call func(p *pool, d ref) error) error {
	p := f.pool()
	defer p.release()
	dict, err := p.dict(d)
	if err != nil {
		return err
	}
	return call(p, dict)
}

// asks reports whether a query asks for anything that this package reads.
func asks(query secitem.Dict) bool {
	return query[secitem.KeyReturnAttrs] == true || query[secitem.KeyReturnData] == true
}

// items reads what a search found: an array, or one item. To a query that asks
// for nothing the answer is nothing, or references that are of no use.
func (f *Framework) items(result ref, asked bool) ([]secitem.Item, error) {
	if f.kind(result) != arrayKind {
		i, err := f.item(result, asked)
		return []secitem.Item{i}, err
	}
	n := f.f.arrayCount(result)
	if n <= 0 {
		return nil, &secitem.TypeError{Call: "SecItemCopyMatching", Got: "an empty array"}
	}
	items := make([]secitem.Item, 0, n)
	for at := range n {
		i, err := f.item(f.f.arrayAt(result, at), asked)
		if err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, nil
}

func (f *Framework) item(v ref, asked bool) (i secitem.Item, err error) {
	switch k := f.kind(v); {
	case !asked:
		return i, nil
	case k == dataKind:
		i.Data, err = f.bytes(v)
		return i, err
	case k == dictKind:
		return f.attributes(v)
	}
	return i, f.wrongType(v)
}

// attributes reads an item whose value, if any, is among its attributes.
func (f *Framework) attributes(v ref) (secitem.Item, error) {
	i := secitem.Item{Attributes: secitem.Dict{}}
	err := f.each(v, func(key string, value ref) (err error) {
		if secitem.Key(key) == secitem.KeyValueData {
			if f.kind(value) != dataKind {
				return f.wrongType(value)
			}
			i.Data, err = f.bytes(value)
			return err
		}
		got, ok, err := f.read(value, 0)
		if ok {
			i.Attributes[secitem.Key(key)] = got
		}
		return err
	})
	if err != nil {
		return secitem.Item{}, err
	}
	return i, nil
}

func (f *Framework) wrongType(v ref) error {
	return &secitem.TypeError{Call: "SecItemCopyMatching", Got: f.typeName(v)}
}
