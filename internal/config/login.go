package config

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

func (k *checker) login() {
	c := k.cfg.Login
	k.oneOf("login.find", c.Find, "on", "off")
	k.oneOf("login.auto", c.Auto, "on", "off")
	if c.Auto == "on" && c.Find == "off" {
		k.note("login.auto", "needs login.find: on", "", nil)
	}
	routes := c.ShieldRoutes()
	for i := range routes {
		_, err := login.New(login.Options{Routes: routes[i : i+1]})
		for _, e := range guard.OptionErrors(err) {
			k.bad(fmt.Sprintf("login.routes[%d]", i), e.Value, e.Allowed, e.Hint)
		}
	}
}

// ShieldRoutes returns the routes as package login has them.
func (l *Login) ShieldRoutes() []login.Route {
	routes := make([]login.Route, len(l.Routes))
	for i, r := range l.Routes {
		routes[i] = login.Route{
			Pattern: r.Route, User: r.User, Password: r.Password, Realm: r.Realm, Basic: r.Basic, Key: r.Key, Observe: r.Observe,
			Success: login.Success{Location: r.Success.Location, Cookie: r.Success.Cookie, Body: r.Success.Body},
		}
		for _, status := range r.Success.Status {
			routes[i].Success.Status = append(routes[i].Success.Status, int(status))
		}
	}
	return routes
}

func (k *checker) limits() {
	c := k.cfg.Limits
	k.oneOf("limits.redis_tls", c.RedisTLS, "on", "off")
	if c.Instances < 1 || c.Instances > 10_000 {
		k.bad("limits.instances", strconv.FormatInt(c.Instances, 10), "1 to 10000", "")
	}
	k.redis(c)
	if len(c.Redis) == 0 {
		if c.RedisUser != "" || c.RedisPassword != "" || c.RedisTLS == "on" || c.Instances > 1 {
			k.note("limits.redis", "is empty, but there are settings for it", "add limits.redis: [host:6379]", nil)
		}
	} else if c.Secret == "" && k.cfg.InstallKey == "" {
		k.note("limits.secret", "is needed with limits.redis, unless there is an install_key: all doors hash with the same one", "head -c 32 /dev/urandom | base64 > limits.secret", nil)
	}
	if c.Secret != "" {
		if _, err := ReadSecret(c.Secret); err != nil {
			k.note("limits.secret", err.Error(), "head -c 32 /dev/urandom | base64 > "+c.Secret, err)
		}
	}
	if c.RedisPassword != "" {
		if _, err := os.ReadFile(c.RedisPassword); err != nil {
			k.note("limits.redis_password", err.Error(), "", err)
		}
	}
}

// redis checks what package redisstore would refuse at the start of the door.
func (k *checker) redis(c Limits) {
	for i, address := range c.Redis {
		field := fmt.Sprintf("limits.redis[%d]", i)
		if strings.HasPrefix(address, "/") {
			if len(c.Redis) > 1 {
				k.bad(field, address, "a socket alone", "nodes of a Cluster have a host and a port")
			}
			continue
		}
		host, number, err := net.SplitHostPort(address)
		if n, numberErr := strconv.ParseUint(number, 10, 16); err != nil || numberErr != nil || host == "" || n == 0 {
			k.bad(field, address, "host:port, or the path of a socket", "a URL's parts go into redis_user, redis_password and redis_tls")
		}
	}
	if c.RedisUser != "" && c.RedisPassword == "" {
		k.note("limits.redis_password", "is needed with limits.redis_user", "name the file that holds it", nil)
	}
}

// ReadSecret reads a file that holds a secret of 16 bytes or more, white space around it
// apart.
func ReadSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if text = bytes.TrimSpace(text); len(text) < limit.KeySize {
		return nil, fmt.Errorf("%s holds %d bytes, want %d or more", path, len(text), limit.KeySize)
	}
	return text, nil
}
