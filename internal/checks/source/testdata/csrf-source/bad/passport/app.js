const express = require('express')
const passport = require('passport')
const { Strategy } = require('passport-jwt')
const app = express()
app.use(require('cookie-parser')(), express.urlencoded({ extended: true }))
passport.use(new Strategy({ jwtFromRequest: (req) => req && req.cookies ? req.cookies['auth'] : null, secretOrKey: process.env.K }, (p, done) => done(null, p)))
app.post('/login', passport.authenticate('local', { session: false }), (req, res) => { res.cookie('auth', sign(req.user), { httpOnly: true }); res.end() })
app.post('/items', passport.authenticate('jwt', { session: false }), (req, res) => res.end()) // want: csrf/missing
