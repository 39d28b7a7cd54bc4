-- Champions of an imported model before the present one, oldest first: what a rollback goes back to.
alter table served_model add column history integer[] not null default '{}';
