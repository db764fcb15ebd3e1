package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kinring/kinring/internal/history"
	"github.com/kinring/kinring/store"
)

// The environment of a worker that writes a history, besides the vault's path.
const (
	historyFile   = "KINRING_VAULT_TEST_HISTORY"
	historyNumber = "KINRING_VAULT_TEST_NUMBER"
)

const (
	historyWorkers = 32
	historyOps     = 60
	historyKeys    = 6
)

// writeHistory does this and that to the vault, and writes down each call before
// it is made and each answer after it came. It says a line after each.
func writeHistory(path string) error {
	number := os.Getenv(historyNumber)
	f, err := os.Create(os.Getenv(historyFile))
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	recorder, random := history.NewRecorder(f, history.WallClock), rand.New(rand.NewPCG(1, seed))
	for n := range historyOps {
		account := strconv.Itoa(random.IntN(historyKeys))
		if err := historyOp(s, recorder, number, account, fmt.Sprintf("%s %d", number, n), random.IntN(6)); err != nil {
			return err
		}
		fmt.Println(n)
	}
	return errors.Join(recorder.Err(), s.Close(), f.Close())
}

// historyOp makes one call: half of them read, and two in three of the rest write.
func historyOp(s store.Store, recorder *history.Recorder, client, account, value string, dice int) error {
	switch dice {
	case 0, 1:
		end := recorder.Begin(client, history.Set, account, value)
		_, err := s.Put(background, key(account), item(value), store.Any())
		end(history.Done, "")
		return err
	case 2:
		end := recorder.Begin(client, history.Delete, account, "")
		err := s.Delete(background, key(account), store.Any())
		if errors.Is(err, store.ErrNotFound) {
			end(history.Absent, "")
			return nil
		}
		end(history.Done, "")
		return err
	}
	end := recorder.Begin(client, history.Get, account, "")
	i, err := s.Get(background, key(account))
	if errors.Is(err, store.ErrNotFound) {
		end(history.Absent, "")
		return nil
	}
	end(history.Done, string(i.Value.Bytes()))
	return err
}

func init() { workerRoles["history"] = writeHistory }

// TestLinearisable: 32 processes work on one vault, every third is killed in the
// middle of whatever it does, and the vault is rekeyed meanwhile. Some order of all
// calls explains what each was told; what a killed one was about to do may have
// happened or not.
func TestLinearisable(t *testing.T) {
	workers := historyWorkers
	if testing.Short() {
		workers = 8
	}
	path := newVaultIn(t, t.TempDir(), cheap)
	var files []string
	var all []*worker
	for n := range workers {
		file := filepath.Join(t.TempDir(), "history")
		files = append(files, file)
		all = append(all, startWorker(t, "history", path, historyFile+"="+file, historyNumber+"="+strconv.Itoa(n)))
	}
	random := rand.New(rand.NewPCG(2, 3))
	for n, w := range all {
		if n%3 == 0 {
			for range 1 + random.IntN(historyOps/10) {
				w.said(t)
			}
			if err := w.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := rekey(t.Context(), options(path), RekeyOptions{Cipher: CipherAESGCM}, cost{}); err != nil {
		t.Error(err)
	}
	killed := 0
	for n, w := range all {
		for w.out.Scan() {
		}
		if err := w.cmd.Wait(); err != nil {
			killed++
			if n%3 != 0 {
				t.Errorf("worker %d: %v", n, err)
			}
		}
	}
	checkIntegrity(t, path)
	ops := readHistory(t, files)
	t.Logf("%d operations of %d processes, %d of them killed", len(ops), workers, killed)
	if killed == 0 || len(ops) < workers*historyOps/2 {
		t.Error("that says little")
	}
	if err := history.Check(ops); err != nil {
		t.Error(err)
	}
	s := openVault(t, path)
	if _, err := s.List(context.Background(), ""); err != nil {
		t.Error(err)
	}
}

func readHistory(t *testing.T, files []string) []history.Op {
	t.Helper()
	var readers []io.Reader
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		readers = append(readers, f)
	}
	ops, err := history.Read(readers...)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}
