import express, { Express } from 'express';
import lusca from 'lusca';
const app: Express = express();
app.use(lusca({ csp: { policy: { 'default-src': "'self'" } }, xframe: 'DENY', nosniff: true, hsts: { maxAge: 31536000 }, referrerPolicy: 'no-referrer' }));
app.get('/', (_req, res): void => { res.send('home'); });
