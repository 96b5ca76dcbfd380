module.exports = app => { app.use(helmet() 
