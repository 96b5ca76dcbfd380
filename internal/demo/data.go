package demo

import "strconv"

type product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price"`
	Text  string `json:"text"`
}

// user is a customer. BROKEN ON PURPOSE: passwords are kept as they are.
type user struct{ Name, Password, Email string }

var products = []product{
	{"helmet", "Bronze helmet", 120, "Corinthian shape, one piece, cheek guards. Fits most heads and all portraits."},
	{"shield", "Round shield", 85, "Three feet of oak and bronze. Covers you and, by custom, your neighbour."},
	{"spear", "Long spear", 40, "Ash, eight feet, with a bronze butt that is sharp as well."},
	{"greaves", "Pair of greaves", 55, "Sprung bronze, no straps. For those who guard more than the head."},
	{"cuirass", "Linen cuirass", 150, "Eighteen layers of glued linen, lighter than bronze and cooler in summer."},
	{"sandals", "Marching sandals", 15, "The part of the panoply that is really used every day."},
}

var users = []user{
	{"demo", "demo", "demo@shop.localhost"},
	{"admin", "hunter2", "admin@shop.localhost"},
}

func byID(id string) (product, bool) {
	for _, p := range products {
		if p.ID == id {
			return p, true
		}
	}
	return product{}, false
}

// table gives a table of the toy database: its columns and rows.
func table(name string) (columns []string, rows [][]string, ok bool) {
	switch name {
	case "products":
		for _, p := range products {
			rows = append(rows, []string{p.ID, p.Name, strconv.Itoa(p.Price), p.Text})
		}
		return []string{"id", "name", "price", "text"}, rows, true
	case "users":
		for _, u := range users {
			rows = append(rows, []string{u.Name, u.Password, u.Email})
		}
		return []string{"name", "password", "email"}, rows, true
	}
	return nil, nil, false
}
