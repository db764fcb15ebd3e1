package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"go.yaml.in/yaml/v3"
)

// config is a decoded JSON or YAML object.
type config map[string]any

// decodeConfig reads YAML, of which JSON is a part.
func decodeConfig(data []byte) (config, error) {
	var c config
	if err := yaml.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("not JSON or YAML: %w", err)
	}
	if c == nil {
		return nil, errors.New("the file holds no object")
	}
	return c, nil
}

// child follows keys to an object, or returns nil.
func (c config) child(keys ...string) config {
	for _, k := range keys {
		switch v := c[k].(type) {
		case config:
			c = v
		case map[string]any:
			c = v
		default:
			return nil
		}
	}
	return c
}

func (c config) text(key string) string {
	s, _ := c[key].(string)
	return s
}

// isFalse reports whether the key is there and says false.
func (c config) isFalse(key string) bool {
	v, ok := c[key].(bool)
	return ok && !v
}

// isTrue reports whether the key is there and says true.
func (c config) isTrue(key string) bool {
	v, ok := c[key].(bool)
	return ok && v
}

// isNull reports whether the key is there without a value.
func (c config) isNull(key string) bool {
	v, found := c[key]
	return found && v == nil
}

// Places where electron-builder looks when its configuration is silent, from
// its published documentation of the mac options.
const (
	builderResources = "build"
	builderOwn       = "entitlements.mac.plist"
	builderInherit   = "entitlements.mac.inherit.plist"
)

// builder reads electron-builder's configuration.
func (p *Plan) builder(fsys fs.FS, c config) {
	mac := c.child("mac")
	name := c.text("productName")
	if name == "" {
		name = "App"
	}
	app := name + ".app"
	resources := builderResources
	if dir := c.child("directories").text("buildResources"); dir != "" {
		resources = dir
	}
	p.Targets = append(p.Targets,
		Target{
			Path: app, Identifier: c.text("appId"), Place: PlaceApp,
			Entitlements: p.builderFile(fsys, mac.text("entitlements"), resources, builderOwn),
			Profile:      p.file(fsys, mac.text("provisioningProfile")),
		},
		Target{
			Path: app + " (nested code)", Place: PlaceInherit,
			Entitlements: p.builderFile(fsys, mac.text("entitlementsInherit"), resources, builderInherit),
		})
	p.builderSwitches(c, mac)
}

// builderFile is the named file, or the default one where it is there.
func (p *Plan) builderFile(fsys fs.FS, name, resources, fallback string) *PlanFile {
	if name != "" {
		return p.file(fsys, name)
	}
	if at := path.Join(resources, fallback); exists(fsys, at) {
		return p.file(fsys, at)
	}
	return nil
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// builderSwitches looks at the switches that weaken a release.
func (p *Plan) builderSwitches(c, mac config) {
	if mac.isFalse("hardenedRuntime") {
		p.fault("KR704", p.Name, "mac.hardenedRuntime is false")
	}
	switch {
	case mac.isNull("identity"):
		p.fault("KR706", p.Name, "mac.identity is null: nothing is signed")
	case !c.isTrue("forceCodeSigning") && !mac.isTrue("forceCodeSigning"):
		p.fault("KR706", p.Name, "forceCodeSigning is not set: without the certificate the build succeeds unsigned")
	}
	for _, key := range []string{"sign", "afterPack", "afterSign"} {
		if c[key] != nil || mac[key] != nil {
			p.fault("KR707", p.Name, "%s is a program that can change what is signed", key)
		}
	}
	if c["extends"] != nil {
		p.fault("KR707", p.Name, "extends names another configuration, which was not read")
	}
}

// forge reads electron-forge's configuration: what it hands to osx-sign.
func (p *Plan) forge(fsys fs.FS, c config) {
	packager := c.child("packagerConfig")
	name := packager.text("name")
	if name == "" {
		name = "App"
	}
	if packager["osxSign"] == nil {
		p.fault("KR706", p.Name, "packagerConfig.osxSign is not there: nothing is signed")
		return
	}
	sign := packager.child("osxSign")
	app := Target{
		Path: name + ".app", Identifier: packager.text("appBundleId"), Place: PlaceApp,
		Entitlements: p.file(fsys, sign.text("entitlements")), Profile: p.file(fsys, sign.text("provisioningProfile")),
	}
	inherit := Target{Path: name + ".app (nested code)", Place: PlaceInherit, Entitlements: p.file(fsys, sign.text("entitlements-inherit"))}
	if sign.text("entitlements-inherit") == "" {
		inherit.Entitlements = app.Entitlements // osx-sign signs nested code with the app's file then
	}
	p.Targets = append(p.Targets, app, inherit)
	p.forgeSwitches(sign)
}

func (p *Plan) forgeSwitches(sign config) {
	if sign.isFalse("hardenedRuntime") || sign.isFalse("hardened-runtime") {
		p.fault("KR704", p.Name, "osxSign turns the hardened runtime off")
	}
	if sign.text("provisioningProfile") != "" && sign.isFalse("preEmbedProvisioningProfile") {
		p.fault("KR705", p.Name, "osxSign.preEmbedProvisioningProfile is false")
	}
	if sign.text("entitlements") == "" {
		p.fault("KR707", p.Name, "osxSign.optionsForFile, a function, chooses the entitlements of each file")
	}
}
