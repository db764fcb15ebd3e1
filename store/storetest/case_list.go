package storetest

import (
	"strconv"
	"sync"

	"github.com/kinring/kinring/store"
)

func listExact(p *trial) {
	p.wantListed("")
	p.wantListed("nothing here")
	under := map[string][]store.Key{}
	var all []store.Key
	for _, service := range []string{"mail", "mail.work", "mail*", "ma", "Mail", "%", "ail"} {
		for n := range 5 {
			k := store.Key{Service: service, Account: "account " + strconv.Itoa(n)}
			p.putValue(k, "value of "+show(k))
			under[service] = append(under[service], k)
			all = append(all, k)
		}
	}
	p.wantListed("", all...)
	for service, keys := range under {
		p.wantListed(service, keys...)
	}
	for _, service := range []string{"m", "mai", "mail.", "*", "_ail", "account 0", " "} {
		p.wantListed(service)
	}
	gone := under["mail"][2]
	if err := p.s.Delete(p.ctx, gone, store.Any()); err != nil {
		p.Fatalf("delete %s: %v", show(gone), err)
	}
	p.wantListed("mail", append(under["mail"][:2:2], under["mail"][3:]...)...)
}

// listWhileWriting: what nobody touches is named once in every list, whatever
// happens around it.
func listWhileWriting(p *trial) {
	const still, rounds, writers = 30, 25, 3
	for n := range still {
		p.putValue(key("still "+strconv.Itoa(n)), "still")
	}
	stop, moved, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() { p.churn(w, moved, stop) })
	}
	go func() {
		all.Wait()
		close(ended)
	}()
	for range rounds {
		select {
		case <-moved: // something changed since the last list
		case <-ended:
		}
		if !p.stillListed(still) {
			break
		}
	}
	close(stop)
	<-ended
}

// churn writes and deletes keys of its own until it is told to stop, and tells
// whoever listens that something moved.
func (p *trial) churn(w int, moved chan<- struct{}, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case moved <- struct{}{}:
		default:
		}
		k := key("moving " + strconv.Itoa(w) + " " + strconv.Itoa(n%7))
		if _, err := p.s.Put(p.ctx, k, value("moving"), store.Any()); err != nil {
			p.Errorf("put %s: %v", show(k), err)
			return
		}
		if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
			p.Errorf("delete %s: %v", show(k), err)
			return
		}
	}
}

func (p *trial) stillListed(still int) bool {
	entries, err := p.s.List(p.ctx, key("").Service)
	if err != nil {
		p.Errorf("list while others write: %v", err)
		return false
	}
	named := map[store.Key]int{}
	for _, e := range entries {
		named[e.Key]++
	}
	for n := range still {
		k := key("still " + strconv.Itoa(n))
		if named[k] != 1 {
			p.Errorf("a list while others write names %s %d times", show(k), named[k])
			return false
		}
	}
	return true
}
