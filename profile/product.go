package profile

import (
	"encoding/json"

	"github.com/kinring/kinring/store"
)

// productField is what VS Code's product.json calls the service under which a
// flavour shares its secrets.
const productField = "darwinSharedKeychainServiceName"

// resolveService takes the service from the product.json that the profile names.
// One that names none shares nothing.
func (f *Family) resolveService(env Environment) error {
	if f.ServiceFrom == "" {
		return nil
	}
	path := f.Path(f.ServiceFrom)
	refuse := func(what, remedy string) error {
		return &store.Error{Class: store.ErrInvalid, Op: "profile", Store: path, Detail: "service_from: " + what, Remedy: remedy}
	}
	if env.ReadFile == nil {
		return refuse("no file can be read here", "leave service_from out")
	}
	text, err := env.ReadFile(path)
	if err != nil {
		return refuse("it cannot be read: "+err.Error(), "name the app's product.json, or leave service_from out")
	}
	var product map[string]any
	if err := json.Unmarshal(text, &product); err != nil || product == nil {
		return refuse("it is not the JSON that it should be", "name the app's product.json")
	}
	switch service := product[productField].(type) {
	case string:
		f.Unshared = service == ""
		if service != "" {
			f.Service = service
		}
		if err := store.CheckKey(store.Key{Service: f.Service, Account: "x"}); err != nil {
			return refuse(productField+" is no service: "+err.Error(), "correct the file")
		}
		return nil
	case nil:
		f.Unshared = true
		return nil
	}
	return refuse(productField+" is not a text", "correct the file")
}
