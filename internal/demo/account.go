package demo

import "net/http"

type loginPage struct{ User, Next, Problem string }

func (s *shop) loginForm(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "login", "Log in", loginPage{Next: r.URL.Query().Get("next")})
}

// login checks a password. BROKEN ON PURPOSE (brute-force): nothing counts the
// attempts, and the answer tells which names exist. BROKEN ON PURPOSE
// (sql-injection): the check is a query joined from strings.
func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	user, password, next := r.PostFormValue("username"), r.PostFormValue("password"), r.PostFormValue("next")
	rows, err := evaluate("SELECT name FROM users WHERE name = '" + user + "' AND password = '" + password + "'")
	if err != nil {
		stackPage(w, http.StatusInternalServerError, "SqliteError: "+err.Error(), sqlFrames)
		return
	}
	if len(rows) == 0 {
		problem := "No user has this name."
		for _, known := range users {
			if known.Name == user {
				problem = "Wrong password for " + user + "."
			}
		}
		s.renderStatus(w, r, http.StatusUnauthorized, "login", "Log in", loginPage{User: user, Next: next, Problem: problem})
		return
	}
	s.session(w, r).login(rows[0][0])
	if next == "" {
		next = "/account"
	}
	redirect(w, r, next)
}

func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	s.session(w, r).login("")
	redirect(w, r, "/")
}

func (s *shop) account(w http.ResponseWriter, r *http.Request) {
	name := s.session(w, r).name()
	if name == "" {
		redirect(w, r, "/login?next=/account")
		return
	}
	for _, u := range users {
		if u.Name == name {
			s.render(w, r, "account", "Your account", u)
			return
		}
	}
	s.render(w, r, "account", "Your account", user{Name: name})
}
