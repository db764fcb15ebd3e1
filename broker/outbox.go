package broker

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// outbox writes frames one after the other.
type outbox struct {
	nc      net.Conn
	timeout time.Duration
	unsent  atomic.Int64 // bytes of frames that are not written yet

	mu    sync.Mutex // held while a frame is written
	armed time.Time
}

// mostUnsent is how many bytes of answers may wait for a client to take them until
// it is not heard further. It is room for a few of the largest values.
const mostUnsent = 4 << 20

// rearm is how far a deadline may run down before it is set anew. Setting it for
// each frame would cost a tenth of a read.
const rearm = time.Second

// send writes a frame and wipes it.
func (o *outbox) send(frame []byte) error {
	o.unsent.Add(int64(len(frame)))
	defer o.unsent.Add(-int64(len(frame)))
	o.mu.Lock()
	defer o.mu.Unlock()
	defer clear(frame)
	if now := time.Now(); now.Sub(o.armed) > rearm {
		if err := o.nc.SetWriteDeadline(now.Add(o.timeout + rearm)); err != nil {
			return err
		}
		o.armed = now
	}
	_, err := o.nc.Write(frame)
	return err
}

// settle waits until there is room for more.
func (o *outbox) settle() {
	for o.unsent.Load() > mostUnsent {
		o.written()
	}
}

// written waits for the frames that were about to be written before it was called.
func (o *outbox) written() {
	o.mu.Lock()
	defer o.mu.Unlock()
}
