package explorer

import (
	"fmt"
	"strings"
)

// story tells how a promise came to be broken, step by step.
func (x *search) story(at uint32, last step, f finding) string {
	var path []uint32
	for i := at; i != 0; i = x.table.from[i].parent {
		path = append([]uint32{i}, path...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s breaks I%d\n", x.subject.name, x.scenario.name, f.promise)
	fmt.Fprintf(&b, "  before: %s\n", x.standing(&x.table.states[0]))
	before := uint32(0)
	for _, i := range path {
		x.tellStep(&b, &x.table.states[before], x.table.from[i].step)
		before = i
	}
	x.tellStep(&b, &x.table.states[before], last)
	fmt.Fprintf(&b, "  so %s\n", f.why)
	return b.String()
}

// tellStep carries a step out once more and says what it does.
func (x *search) tellStep(b *strings.Builder, from *state, st step) {
	s := *from
	kept := x.tally
	defer func() { x.tally = kept }()
	if st.flight != 0 {
		w := x.flights.all[st.flight]
		x.remove(&s, st.flight)
		x.land(&s, w)
		fmt.Fprintf(b, "  - the %s %s lands: %s\n", x.actorOf(int(w.op)), x.callText(w.call), x.standing(&s))
		x.tellHurried(b, &s)
		return
	}
	n := &x.memo.nodes[s.nodes[st.actor]]
	op, c := int(n.op), n.call
	a, _ := x.answer(&s, st, op, c)
	x.tellCall(b, st.mishap, op, c, a)
	if st.mishap != diesInFlight && st.mishap != dies {
		to := x.memo.next(from.nodes[st.actor], a)
		for _, e := range x.memo.nodes[to].events {
			if e.kind == opEnds {
				fmt.Fprintf(b, "      its answer: %s\n", e.result)
			}
		}
	}
	s = *from
	if st.mishap != goesWell {
		s.faults++
	}
	if f := x.proceed(&s, st, &x.memo.nodes[s.nodes[st.actor]]); f.promise == 0 {
		x.tellHurried(b, &s)
	}
}

func (x *search) tellCall(b *strings.Builder, m mishap, op int, c call, a answer) {
	fmt.Fprintf(b, "  - %s: %s %s%s\n", x.actorOf(op), x.ops[op].kind, x.callText(c), x.answerText(m, a))
}

// tellHurried tells what is done in the same step, because nothing meets it.
func (x *search) tellHurried(b *strings.Builder, s *state) {
	x.hurry(s, func(op int, c call, a answer) { x.tellCall(b, goesWell, op, c, a) })
}

func (x *search) actorOf(op int) string {
	switch {
	case op >= firstWatch:
		return "observer"
	case op < maxSetup:
		return "setup"
	}
	i := (op - maxSetup) / perActor
	return fmt.Sprintf("%c (%s)", 'A'+i, x.actors[i].name)
}

func (x *search) callText(c call) string {
	if c.verb == verbChange {
		return c.verb.String() + " " + c.value.text()
	} else if c.verb.leasing() {
		return c.verb.String() + [slots]string{theTurn: " (turn)"}[c.slot]
	}
	text := c.verb.String() + " " + storeName(c.store)
	if c.slot != mainSlot {
		text += ", item " + x.memo.slots.name(c.slot)
	}
	if c.verb == verbPut {
		text += ": " + x.itemText(c.item)
	}
	if c.verb.writes() {
		text += [...]string{"", ", if nothing is there", ", if it is unchanged"}[c.cond]
	}
	return text
}

func (x *search) answerText(m mishap, a answer) string {
	if m != goesWell {
		return [...]string{failsBefore: " → fails", landsLate: " → unknown, on its way", diesInFlight: " → dies with it on its way",
			isCancelled: " → cancelled", cancelledLate: " → cancelled, on its way", dies: " → dies first"}[m]
	}
	switch a.kind() {
	case ansItem:
		return " → " + x.itemText(itemID(a.number()))
	case ansAbsent:
		return " → nothing there"
	case ansConflict:
		return " → conflict"
	case ansOutOfReach:
		return " → out of reach"
	}
	return ""
}

// itemText shows an item with its record.
func (x *search) itemText(id itemID) string {
	if id == 0 {
		return "nothing"
	}
	i := x.items.all[id]
	text := "a value"
	switch {
	case i.marker:
		text = "marker"
	case i.value != 0:
		text = i.value.text()
	}
	if i.record != "" {
		text += " {" + i.record + "}"
	}
	return text
}

// standing shows what the stores hold.
func (x *search) standing(s *state) string {
	parts := []string{"shared " + x.itemText(s.shared[mainSlot])}
	for i := range x.sources {
		parts = append(parts, fmt.Sprintf("legacy %c %s", 'a'+i, x.itemText(s.legacy[i])))
	}
	return strings.Join(parts, ", ")
}
