package explorer

import "testing"

// fenceModel is an emulated store in which the operations of the setup and of three
// programs may write.
func fenceModel() *model {
	sc := &scenario{subject: &subject{emulated: true}, actors: []program{named("get"), named("set"), named("foreign write")}}
	sc.lay()
	return &model{oracle: &oracle{scenario: sc, items: newItems()}, flights: newFlights()}
}

// The operations of the programs of fenceModel.
const (
	getOp     = maxSetup
	setOp     = maxSetup + perActor
	foreignOp = maxSetup + 2*perActor
)

// backfill and put are the calls of one operation; n tells two apart.
func (m *model) backfill(n int) call {
	return call{verb: verbPut, cond: condAbsent, item: m.items.id(item{value: valueID(n), rev: newRevision(getOp, n), record: "r", gen0: true})}
}

func (m *model) put(n int) call {
	return call{verb: verbPut, cond: condAbsent, item: m.items.id(item{value: valueID(n), rev: newRevision(setOp, n), record: "r"})}
}

func (m *model) foreign() call {
	return call{verb: verbPut, item: m.items.id(item{value: 9, rev: newRevision(foreignOp, 1)})}
}

// TestFenceOrder: which of two writes counts does not depend on which lands first.
func TestFenceOrder(t *testing.T) {
	cases := []struct {
		name          string
		first, second func(m *model) (op int, c call) // in the order of their numbers
		secondCounts  bool
	}{
		{"two backfills", func(m *model) (int, call) { return getOp, m.backfill(1) }, func(m *model) (int, call) { return getOp, m.backfill(2) }, true},
		{"a backfill, then a write", func(m *model) (int, call) { return getOp, m.backfill(1) }, func(m *model) (int, call) { return setOp, m.put(2) }, true},
		{"a write, then a backfill", func(m *model) (int, call) { return setOp, m.put(1) }, func(m *model) (int, call) { return getOp, m.backfill(2) }, false},
		{"two writes", func(m *model) (int, call) { return setOp, m.put(1) }, func(m *model) (int, call) { return setOp, m.put(2) }, true},
	}
	for _, c := range cases {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			m := fenceModel()
			var s state
			op1, call1 := c.first(m)
			op2, call2 := c.second(m)
			w := [2]flight{{call: call1, op: uint8(op1), rank: m.rank(&s, op1, call1)}}
			s.launch(m.flights.id(w[0]))
			w[1] = flight{call: call2, op: uint8(op2), rank: m.rank(&s, op2, call2)}
			for _, i := range order {
				m.land(&s, w[i])
			}
			want := call1.item
			if c.secondCounts {
				want = call2.item
			}
			if s.shared[mainSlot] != want {
				t.Errorf("%s, landing in the order %v: the wrong one counts", c.name, order)
			}
		}
	}
}

// TestForeignItemHasNoNumber: a late backfill is lower than it, a late write higher.
func TestForeignItemHasNoNumber(t *testing.T) {
	for name, late := range map[string]func(m *model) (int, call, bool){
		"backfill": func(m *model) (int, call, bool) { return getOp, m.backfill(1), false },
		"write":    func(m *model) (int, call, bool) { return setOp, m.put(1), true },
	} {
		m := fenceModel()
		var s state
		op, c, counts := late(m)
		w := flight{call: c, op: uint8(op), rank: m.rank(&s, op, c)}
		foreign := m.foreign()
		m.perform(&s, foreignOp, foreign)
		m.land(&s, w)
		if (s.shared[mainSlot] == c.item) != counts {
			t.Errorf("a late %s over a foreign item: counts %v, want %v", name, !counts, counts)
		}
	}
}
