-- The end of control_index.sql; amcheck stays, nobody else uses that database.
drop schema dbops_amcheck cascade;
