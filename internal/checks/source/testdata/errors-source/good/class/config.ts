import Joi from 'joi';
const { value: env } = Joi.object({}).validate(process.env);
export const config = { env: env.NODE_ENV, port: env.PORT };
