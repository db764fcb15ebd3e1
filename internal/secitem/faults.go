package secitem

// Faults is a Mac on which calls fail as a test says.
type Faults struct {
	Mac
	// Before is asked before a call, by the name of the function ("SecItemAdd"):
	// an error is the call's answer, and nothing happens. Nil asks nobody.
	Before func(call string) error
	// After is asked after a call with its error: what it returns is the answer,
	// though the call took effect. Nil asks nobody.
	After func(call string, err error) error
}

func (f Faults) run(call string, do func() error) error {
	if f.Before != nil {
		if err := f.Before(call); err != nil {
			return err
		}
	}
	err := do()
	if f.After != nil {
		err = f.After(call, err)
	}
	return err
}

// Add is SecItemAdd.
func (f Faults) Add(attributes Dict) error {
	return f.run("SecItemAdd", func() error { return f.Mac.Add(attributes) })
}

// CopyMatching is SecItemCopyMatching.
func (f Faults) CopyMatching(query Dict) ([]Item, error) {
	var items []Item
	err := f.run("SecItemCopyMatching", func() (err error) {
		items, err = f.Mac.CopyMatching(query)
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Update is SecItemUpdate.
func (f Faults) Update(query, changes Dict) error {
	return f.run("SecItemUpdate", func() error { return f.Mac.Update(query, changes) })
}

// Delete is SecItemDelete.
func (f Faults) Delete(query Dict) error {
	return f.run("SecItemDelete", func() error { return f.Mac.Delete(query) })
}

// Entitlement is SecTaskCopyValueForEntitlement.
func (f Faults) Entitlement(name string) (any, error) {
	var value any
	err := f.run("SecTaskCopyValueForEntitlement", func() (err error) {
		value, err = f.Mac.Entitlement(name)
		return err
	})
	return value, err
}
