package config

import (
	"fmt"
	"reflect"
	"strings"
)

// A Flag is a value given on the command line. It wins over the file.
type Flag struct {
	// Path is the key that it sets, such as "listen" or "bounds.head_timeout".
	Path string
	// Name is what problems call it, such as "--listen" or "UPSTREAM".
	Name string
	// Values are the texts given: one for a single value, any number for a list, which
	// replaces the file's. A certificate is written CERT:KEY.
	Values []string
}

// flag sets one flag over what was read.
func (r *reader) flag(f Flag) {
	origin := Origin{Flag: f.Name}
	wrong := func(text string) {
		r.problems = append(r.problems, &Problem{Origin: origin, Text: text})
	}
	v := reflect.ValueOf(r.cfg).Elem()
	for name := range strings.SplitSeq(f.Path, ".") {
		next, ok := child(v, name)
		if !ok {
			wrong("sets " + f.Path + ", which the configuration does not have")
			return
		}
		v = next
	}
	if v.Kind() == reflect.Struct {
		wrong("sets " + f.Path + ", which is more than one value")
		return
	}
	r.forget(f.Path)
	r.cfg.origins[f.Path] = origin
	if v.Kind() != reflect.Slice {
		if len(f.Values) != 1 {
			wrong(fmt.Sprintf("given %d times, must be given once", len(f.Values)))
			return
		}
		if err := setText(v, f.Values[0]); err != nil {
			wrong(err.Error())
		}
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(f.Values))
	for i, text := range f.Values {
		r.cfg.origins[fmt.Sprintf("%s[%d]", f.Path, i)] = origin
		item := reflect.New(v.Type().Elem()).Elem()
		switch item.Kind() {
		case reflect.String:
			item.SetString(text)
		case reflect.Struct:
			pair, err := parsePair(text)
			if err != nil {
				wrong(err.Error())
				continue
			}
			item.Set(reflect.ValueOf(pair))
		}
		list = reflect.Append(list, item)
	}
	v.Set(list)
}

// child returns the field of a struct that a flag may name.
func child(v reflect.Value, name string) (reflect.Value, bool) {
	if v.Kind() != reflect.Struct {
		return v, false
	}
	for _, f := range fieldsOf(v.Type()) {
		if f.name == name {
			field := v.Field(f.index)
			return field, field.Kind() != reflect.Map && field.Kind() != reflect.Pointer
		}
	}
	return v, false
}

// forget drops the origins of what a flag or a variable replaces, problems of it in the
// file stay.
func (r *reader) forget(path string) {
	for key := range r.cfg.origins {
		if key == path || strings.HasPrefix(key, path+"[") || strings.HasPrefix(key, path+".") {
			delete(r.cfg.origins, key)
		}
	}
}

// parsePair splits CERT:KEY at the colon that leaves two names; the colon of a Windows
// drive is part of a name.
func parsePair(text string) (Certificate, error) {
	for i := len(text) - 2; i > 0; i-- {
		drive := i >= 1 && (i == 1 || text[i-2] == ':') && i+1 < len(text) && (text[i+1] == '\\' || text[i+1] == '/') && isLetter(text[i-1])
		if text[i] == ':' && !drive {
			return Certificate{Cert: text[:i], Key: text[i+1:]}, nil
		}
	}
	return Certificate{}, fmt.Errorf("is %s, must be CERT:KEY, two PEM files", quoted(text))
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
