import { Router } from 'express';
export const ordersRouter: Router = Router({ mergeParams: true });
const paths: readonly string[] = ['/', '/latest'];
ordersRouter.get(paths as string[], (req, res) => { res.json([]); });
