-- case: for a role
-- finds: dbops_case_app
-- says: sessions of the role dbops_case_app begin with app.org_id set
-- fix: alter role dbops_case_app reset app.org_id;
-- policy: [tenancy]
create role dbops_case_app;
alter role dbops_case_app set app.org_id = '1';

-- case: for the database, for a role in it, and in another case
-- finds: dbops_case_app, dbops_cases
-- says: in the database dbops_cases begin with
-- policy: [tenancy]
create role dbops_case_app;
alter role dbops_case_app in database dbops_cases set "App".org_id = 'a4b5c6d7-0000-4000-8000-000000000001';
alter database dbops_cases set app.org_id = 'acme';

-- case: for everybody
-- finds: all roles
-- says: sessions of every role begin with
-- fix: alter role all reset app.org_id;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
alter role all set app.org_id = '1';

-- case: nothing is set
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_app;
alter role dbops_case_app set app.org_id = '1';

-- case (near miss): to nobody, which is what it would be without
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
alter role dbops_case_app set app.org_id = '';

-- case (near miss): another setting
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
alter role dbops_case_app set app.org_id_old = '1';
alter role dbops_case_app set work_mem = '8MB';

-- case (near miss): a role that reports on one tenant
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_report;
alter role dbops_case_report set app.org_id = '1';
