//go:build unix

package broker_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
)

// TestLoad: 512 connections at once, and no request fails, no memory goes without
// bound, no descriptor and no goroutine is left. KINRING_LONG=1 makes it a million
// requests.
func TestLoad(t *testing.T) {
	conns, requests := 512, 60_000
	switch {
	case os.Getenv("KINRING_LONG") != "":
		requests = 1_000_000
	case testing.Short():
		conns, requests = 64, 6_000
	}
	b := serve(t, inMemory(), broker.Options{})
	value := store.NewValue(bytes.Repeat([]byte("v"), 256))
	for n := range 16 {
		if _, err := b.ring.SetKey(t.Context(), key(strconv.Itoa(n)), value.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	b.wantGood(t)
	b.await(t, "an idle broker", func() bool { return b.server.Conns() == 0 })
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	forgetPeak()
	took := b.load(t, conns, requests, value)
	t.Logf("%d connections, %d requests: %.0f a second, median %v, 99%% within %v, resident memory %d MiB at most", conns, requests,
		float64(requests)/took.all.Seconds(), took.at(0.5), took.at(0.99), took.memory>>20)
	// 512 clients and their broker in one process. The race detector's own memory is
	// several times that.
	if took.memory > 200<<20 && !raceDetector {
		t.Errorf("%d MiB of memory", took.memory>>20)
	}
	b.await(t, "nothing to be left", func() bool {
		return b.server.Conns() == 0 && openDescriptors(t) <= descriptors && runtime.NumGoroutine() <= goroutines
	})
}

// spent is how long requests took.
type spent struct {
	all    time.Duration
	worked time.Duration // by processors
	each   []time.Duration
	memory int
}

func (s spent) at(q float64) time.Duration { return s.each[int(q*float64(len(s.each)-1))] }

// load makes the requests, one of sixteen a write, each connection one at a time.
func (r *running) load(t testing.TB, conns, requests int, value store.Value) spent {
	t.Helper()
	stores := make([]*client.Store, conns)
	for n := range stores {
		stores[n] = r.open()
	}
	each := make([][]time.Duration, conns)
	var left atomic.Int64
	left.Store(int64(requests))
	var all sync.WaitGroup
	start, before := time.Now(), worked()
	for n, s := range stores {
		all.Go(func() {
			for i := 0; left.Add(-1) >= 0; i++ {
				began := time.Now()
				if err := use(s, i, n, value); err != nil {
					t.Errorf("connection %d, request %d: %v", n, i, err)
					return
				}
				each[n] = append(each[n], time.Since(began))
			}
		})
	}
	all.Wait()
	took := spent{all: time.Since(start), worked: worked() - before, each: slices.Concat(each...), memory: resident()}
	slices.Sort(took.each)
	for _, s := range stores {
		s.Close()
	}
	return took
}

func use(s *client.Store, i, n int, value store.Value) error {
	k := key(strconv.Itoa((i + n) % 16))
	if i%16 == 15 {
		_, err := s.Put(context.Background(), k, store.Item{Value: value}, store.Any())
		return err
	}
	item, err := s.Get(context.Background(), k)
	if err == nil && !item.Value.Equal(value) {
		err = fmt.Errorf("%d bytes of another value", item.Value.Len())
	}
	return err
}

// forgetPeak makes resident count from here (proc_pid_clear_refs(5)), where it can.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// resident returns the most memory that this process had in use, in bytes; 0 where
// nobody tells.
func resident() int {
	text, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, _ := strconv.Atoi(cmp.Or(strings.Fields(after + " 0")...))
	return kib << 10
}

// echo is the floor: a socket that returns what it is sent, whole. It returns
// connections to it.
func echo(b *testing.B, size, conns int) []net.Conn {
	b.Helper()
	l, err := net.Listen("unix", filepath.Join(filepath.Dir(filepath.Dir(socketIn(b))), "echo"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, size)
				for {
					if _, err := io.ReadFull(c, buf); err != nil {
						return
					}
					if _, err := c.Write(buf); err != nil {
						return
					}
				}
			}()
		}
	}()
	out := make([]net.Conn, conns)
	for n := range out {
		if out[n], err = net.Dial("unix", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { out[n].Close() })
	}
	return out
}

// exchange has the echo return what it is sent.
func exchange(c net.Conn, buf []byte) error {
	_, err := c.Write(buf)
	if err == nil {
		_, err = io.ReadFull(c, buf)
	}
	return err
}

// BenchmarkGet compares a get through the broker, over an open connection, with a
// raw echo of as many bytes, in turn. "ratio" is what a get costs more.
func BenchmarkGet(b *testing.B) {
	for name, d := range map[string]func() store.Driver{"memory": inMemory, "vault": func() store.Driver { return newVault(b) }} {
		b.Run(name, func(b *testing.B) { benchGet(b, d()) })
	}
}

const benchValue = 256

// benchFrame is about the size of the answer to a get of benchValue bytes.
const benchFrame = 460

func benchGet(b *testing.B, d store.Driver) {
	r := serve(b, d, broker.Options{})
	s := r.open()
	if _, err := s.Put(b.Context(), key("bench"), store.Item{Value: store.NewValue(make([]byte, benchValue))}, store.Any()); err != nil {
		b.Fatal(err)
	}
	c, buf := echo(b, benchFrame, 1)[0], make([]byte, benchFrame)
	var spent [2][]time.Duration
	for b.Loop() {
		start := time.Now()
		err := exchange(c, buf)
		middle := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Get(context.Background(), key("bench")); err != nil {
			b.Fatal(err)
		}
		spent[0] = append(spent[0], middle.Sub(start))
		spent[1] = append(spent[1], time.Since(middle))
	}
	report(b, "echo", spent[0])
	report(b, "get", spent[1])
	b.ReportMetric(float64(median(spent[1]))/float64(median(spent[0])), "ratio")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func report(b *testing.B, what string, d []time.Duration) {
	slices.Sort(d)
	b.ReportMetric(float64(d[len(d)/2].Nanoseconds()), what+"-p50-ns")
	b.ReportMetric(float64(d[len(d)*99/100].Nanoseconds()), what+"-p99-ns")
}

// BenchmarkDial is a connection for each get.
func BenchmarkDial(b *testing.B) {
	r := serve(b, inMemory(), broker.Options{})
	if _, err := r.ring.SetKey(b.Context(), key("bench"), make([]byte, benchValue)); err != nil {
		b.Fatal(err)
	}
	var spent []time.Duration
	for b.Loop() {
		start := time.Now()
		s, err := client.Open(context.Background(), r.socket, client.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Get(context.Background(), key("bench")); err != nil {
			b.Fatal(err)
		}
		s.Close()
		spent = append(spent, time.Since(start))
	}
	report(b, "dial-get-close", spent)
}

// BenchmarkThroughput is how many requests a second so many connections make, and
// how much of the processor each takes; so that what more connections cost anybody
// is seen, also of an echo.
func BenchmarkThroughput(b *testing.B) {
	const requests = 20_000
	for _, conns := range []int{1, 8, 64, 512} {
		b.Run(strconv.Itoa(conns), func(b *testing.B) {
			r := serve(b, inMemory(), broker.Options{})
			value := store.NewValue(make([]byte, benchValue))
			for n := range 16 {
				if _, err := r.ring.SetKey(b.Context(), key(strconv.Itoa(n)), value.Bytes()); err != nil {
					b.Fatal(err)
				}
			}
			floor := echo(b, benchFrame, conns)
			var took, worked, echoed time.Duration
			for b.Loop() {
				spent := r.load(b, conns, requests, value)
				took, worked = took+spent.all, worked+spent.worked
				echoed += echoes(b, floor, requests)
			}
			all := float64(b.N * requests)
			b.ReportMetric(all/took.Seconds(), "requests/s")
			b.ReportMetric(float64(worked.Nanoseconds())/all, "cpu-ns/request")
			b.ReportMetric(float64(echoed.Nanoseconds())/all, "cpu-ns/echo")
		})
	}
}

// echoes makes exchanges over all connections at once, and returns the time that
// the processors worked.
func echoes(b *testing.B, conns []net.Conn, exchanges int) time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(exchanges))
	var all sync.WaitGroup
	before := worked()
	for _, c := range conns {
		all.Go(func() {
			for buf := make([]byte, benchFrame); left.Add(-1) >= 0; {
				if err := exchange(c, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return worked() - before
}

// worked is how long processors have worked for this process.
func worked() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
