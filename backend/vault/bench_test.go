package vault

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

// bare is SQLite without kinring: the same journal and the same durability, one
// table of keys and values, prepared statements.
type bare struct{ get, put *sql.Stmt }

// newBare fills a database and opens it for writing, or for reading as quietly as
// a vault that is only read.
func newBare(b *testing.B, items int, quiet bool) bare {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bare.db")
	db := openBare(b, path, "mode=rwc&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=secure_delete(1)")
	run := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			b.Fatal(err)
		}
	}
	run("CREATE TABLE items (service TEXT, account TEXT, value BLOB, PRIMARY KEY (service, account)) STRICT, WITHOUT ROWID")
	run("BEGIN")
	for n := range items {
		run("INSERT INTO items VALUES (?, ?, ?)", benchKey(n).Service, benchKey(n).Account, benchValue)
	}
	run("COMMIT")
	if quiet {
		db.Close()
		for _, ending := range companions { // SQLite removed them, and a quiet reader makes none
			rewrite(b, path+ending, nil)
		}
		db = openBare(b, path, string(accessQuiet))
	}
	get, err := db.Prepare("SELECT value FROM items WHERE service = ? AND account = ?")
	if err != nil {
		b.Fatal(err)
	}
	put, err := db.Prepare("INSERT INTO items VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
	if err != nil {
		b.Fatal(err)
	}
	return bare{get, put}
}

func openBare(b *testing.B, path, parameters string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?"+parameters+"&_pragma=cache_size(-8192)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// benchSizes are the numbers of items that all of this should cost the same with.
var benchSizes = []int{10, 10_000, 100_000}

var benchValue = make([]byte, 256)

func benchKey(n int) store.Key { return key(fmt.Sprintf("account %d", n)) }

// newFull makes a vault with items, all in one transaction.
func newFull(b *testing.B, items int) *vaultStore {
	b.Helper()
	s := openVault(b, newVault(b))
	err := s.file.write(b.Context(), func(n *conn) error {
		if err := n.Exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		var sum census
		for i := range items {
			r, err := s.sealer().sealRow(benchKey(i), store.Item{Value: store.NewValue(benchValue)})
			if err != nil {
				return err
			}
			sum.add(s.sealer(), r)
			if err := n.put(r); err != nil {
				return err
			}
		}
		if err := n.setCensus(s.sealer().sealCensus(sum)); err != nil {
			return err
		}
		return n.Exec("COMMIT")
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// sideBySide times two operations in turn, so that whatever else the machine does
// meets both, and reports their medians, the second as a multiple of the first, and
// the second's 99th percentile.
func sideBySide(b *testing.B, first, second func(n int) error) {
	b.Helper()
	var spent [2][]time.Duration
	n := 0
	for b.Loop() {
		for i, f := range []func(int) error{first, second} {
			start := time.Now()
			if err := f(n); err != nil {
				b.Fatal(err)
			}
			spent[i] = append(spent[i], time.Since(start))
		}
		n++
	}
	slices.Sort(spent[0])
	slices.Sort(spent[1])
	bare, vault := spent[0][n/2], spent[1][n/2]
	b.ReportMetric(float64(bare.Nanoseconds()), "bare-ns")
	b.ReportMetric(float64(vault.Nanoseconds()), "vault-ns")
	b.ReportMetric(float64(spent[1][n*99/100].Nanoseconds()), "vault-p99-ns")
	b.ReportMetric(float64(vault)/float64(bare), "ratio")
}

// BenchmarkGet reads from a vault that is open for writing, and from one that is
// only read: beside SQLite opened in the same way, and the second beside SQLite that
// is open for writing as well, which keeps its pages from one read to the next.
func BenchmarkGet(b *testing.B) {
	for _, items := range benchSizes {
		b.Run(fmt.Sprintf("%d-items-writing", items), func(b *testing.B) { benchGet(b, newBare(b, items, false), newFull(b, items), items) })
		b.Run(fmt.Sprintf("%d-items-quiet", items), func(b *testing.B) { benchGet(b, newBare(b, items, true), newQuiet(b, items), items) })
		b.Run(fmt.Sprintf("%d-items-quiet-beside-writing", items), func(b *testing.B) { benchGet(b, newBare(b, items, false), newQuiet(b, items), items) })
	}
}

// newQuiet makes a vault and opens it anew, so that nothing has written to it yet.
func newQuiet(b *testing.B, items int) *vaultStore {
	b.Helper()
	s := newFull(b, items)
	mustClose(b, s)
	return openVault(b, s.path)
}

func benchGet(b *testing.B, other bare, s *vaultStore, items int) {
	sideBySide(b, func(n int) error {
		var value []byte
		k := benchKey(n * 7919 % items)
		return other.get.QueryRow(k.Service, k.Account).Scan(&value)
	}, func(n int) error {
		_, err := s.Get(context.Background(), benchKey(n*7919%items))
		return err
	})
}

func BenchmarkPut(b *testing.B) {
	for _, items := range benchSizes {
		b.Run(fmt.Sprintf("%d-items", items), func(b *testing.B) {
			other, s := newBare(b, items, false), newFull(b, items)
			// SQLite writes nothing where the value is the same as before.
			value := func(n int) []byte { return binary.BigEndian.AppendUint64(bytes.Clone(benchValue[8:]), uint64(n)) }
			sideBySide(b, func(n int) error {
				k := benchKey(n * 7919 % items)
				_, err := other.put.Exec(k.Service, k.Account, value(n))
				return err
			}, func(n int) error {
				_, err := s.Put(context.Background(), benchKey(n*7919%items), store.Item{Value: store.NewValue(value(n))}, store.Any())
				return err
			})
		})
	}
}

// BenchmarkOpen opens a vault by its key file, reads an item and closes it, as a
// command does, and reports the file's size.
func BenchmarkOpen(b *testing.B) {
	for _, items := range benchSizes {
		b.Run(fmt.Sprintf("%d-items", items), func(b *testing.B) {
			s := newFull(b, items)
			mustClose(b, s)
			info, err := os.Stat(s.path)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := Open(b.Context(), options(s.path))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Get(b.Context(), benchKey(0)); err != nil {
					b.Fatal(err)
				}
				mustClose(b, s)
			}
			b.ReportMetric(float64(info.Size())/float64(items), "bytes/item")
		})
	}
}

// BenchmarkList names all items.
func BenchmarkList(b *testing.B) {
	for _, items := range benchSizes {
		b.Run(fmt.Sprintf("%d-items", items), func(b *testing.B) {
			s := newFull(b, items)
			for b.Loop() {
				if entries, err := s.List(b.Context(), ""); err != nil || len(entries) != items {
					b.Fatal(len(entries), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(items), "ns/item")
		})
	}
}
